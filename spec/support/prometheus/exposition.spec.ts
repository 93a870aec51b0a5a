import { expect } from 'chai'
import { parseExposition } from './exposition.ts'

const head = (name: string, type: string) => `# HELP ${name} What it is.\n# TYPE ${name} ${type}\n`

describe('The parser of expositions', () => {
  it('tells values and labels as they were before they were escaped', () => {
    const { samples, types } = parseExposition(
      `${head('a_total', 'counter')}a_total{x="1,}",y="\\"\\\\\\n"} 1.5e+21\na_total 0\n`,
    )
    expect([...types]).to.deep.equal([['a_total', 'counter']])
    expect(samples).to.deep.equal([
      { name: 'a_total', labels: { x: '1,}', y: '"\\\n' }, value: 1.5e21 },
      { name: 'a_total', labels: {}, value: 0 },
    ])
  })

  for (const [what, text] of Object.entries({
    'a last line that does not end': `${head('a', 'gauge')}a 1`,
    'a sample without a TYPE': 'a 1\n',
    'a TYPE without a HELP': '# TYPE a gauge\na 1\n',
    'a TYPE that is none': `${head('a', 'total')}a 1\n`,
    'a metric twice': `${head('a', 'gauge')}a 1\n${head('a', 'gauge')}a{x="1"} 1\n`,
    'a series twice': `${head('a', 'gauge')}a{x="1",y="2"} 1\na{y="2",x="1"} 1\n`,
    'a sample of another metric': `${head('a', 'gauge')}ab 1\n`,
    'a bucket of a gauge': `${head('a', 'gauge')}a_bucket{le="1"} 1\n`,
    'a histogram that tells a number': `${head('a', 'histogram')}a 1\n`,
    'no number': `${head('a', 'gauge')}a NaN\n`,
    'a label without quotes': `${head('a', 'gauge')}a{x=1} 1\n`,
    'a label twice': `${head('a', 'gauge')}a{x="1",x="2"} 1\n`,
    'a quote that is not escaped': `${head('a', 'gauge')}a{x="1"2"} 1\n`,
  })) {
    it(`refuses ${what}`, () => {
      expect(() => parseExposition(text)).to.throw()
    })
  }
})
