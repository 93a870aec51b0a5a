import { expect } from 'chai'
import { SharedAnswers } from '../../lib/admin/shared-answers.ts'

describe('SharedAnswers', () => {
  /** An answer that comes when it is told to. */
  function pending(): { answer: () => Promise<number>; asked: number; come(n: number): void } {
    let come!: (n: number) => void
    const promise = new Promise<number>((resolve) => {
      come = resolve
    })
    const made = {
      asked: 0,
      come,
      answer: () => {
        made.asked++
        return promise
      },
    }
    return made
  }

  it('are computed once for all who ask the same meanwhile, and anew afterwards', async () => {
    const answers = new SharedAnswers<number>(2)
    const one = pending()
    const asked = [answers.ask('a', one.answer), answers.ask('a', one.answer)]
    one.come(1)
    expect(await Promise.all(asked)).to.deep.equal([1, 1])
    expect(one.asked).to.equal(1)
    await answers.ask('a', one.answer)
    expect(one.asked).to.equal(2)
  })

  it('are computed one after the other', async () => {
    const answers = new SharedAnswers<number>(2)
    const [one, two] = [pending(), pending()]
    const first = answers.ask('a', one.answer)
    const second = answers.ask('b', two.answer)
    two.come(2)
    await Promise.resolve()
    expect(two.asked).to.equal(0)
    one.come(1)
    expect(await first).to.equal(1)
    expect(await second).to.equal(2)
  })

  it('that fail do so for all who have asked, and one too many is refused until then', async () => {
    const shared = new SharedAnswers<number>(2)
    const failing = async () => {
      throw new Error('no')
    }
    const first = shared.ask('a', failing)!
    const same = shared.ask('a', failing)!
    const other = shared.ask('b', async () => 7)!
    expect(shared.ask('c', async () => 8)).to.equal(undefined)
    const errors = await Promise.all(
      [first, same].map((each) => each.catch(({ message }) => message)),
    )
    expect(errors).to.deep.equal(['no', 'no'])
    expect(await other).to.equal(7)
    expect(await shared.ask('c', async () => 8)).to.equal(8)
  })
})
