import { expect } from 'chai'
import { Override } from '../../lib/socketio/override.ts'
import { OverrideLayer } from '../../lib/socketio/override-layer.ts'

const kOverridden: unique symbol = Symbol('overridden')

class Speaker {
  declare [kOverridden]?: string
  said: string[] = []

  say(word: string): void {
    this.said.push(word)
  }

  sing(word: string): void {
    this.said.push(`~${word}`)
  }
}

class Loud extends Speaker {
  override say(word: string): void {
    super.say(`${word}!`)
  }
}

const ownOf = (target: object) => Object.getOwnPropertyDescriptors(target)

/** A layer whose functions write a word in capitals where they are installed. */
function layerOf() {
  const names = ['say', 'sing'] as const
  const overrides = names.map((name) => {
    const override = new Override<Speaker, typeof name>(
      name,
      function (this: Speaker, word: string) {
        const original = override.original(this)
        Reflect.apply(original, this, [layer.isOn(this) ? word.toUpperCase() : word])
      },
    )
    return override
  })
  const layer = new OverrideLayer<Speaker, typeof kOverridden>(overrides, kOverridden, 'here')
  return layer
}

describe('OverrideLayer', () => {
  it('overrides the methods of objects of any class, and leaves nothing behind', () => {
    const layer = layerOf()
    const speakers = [new Speaker(), new Speaker(), new Loud()]
    const before = speakers.map((each) => [Object.getPrototypeOf(each), ownOf(each)])
    for (const each of speakers) {
      expect(layer.isOn(each)).to.equal(false)
      expect(layer.install(each)).to.equal(true)
      expect(layer.isOn(each)).to.equal(true)
      each.say('a')
      each.sing('b')
    }
    expect(speakers.map(({ said }) => said)).to.deep.equal([
      ['A', '~B'],
      ['A', '~B'],
      ['A!', '~B'],
    ])
    for (const each of speakers) {
      layer.restore(each)
      layer.restore(each)
      expect(layer.isOn(each)).to.equal(false)
      each.said.length = 0
    }
    expect(speakers.map((each) => [Object.getPrototypeOf(each), ownOf(each)])).to.deep.equal(before)
    speakers[0]!.say('c')
    expect(speakers[0]!.said).to.deep.equal(['c'])
  })

  it('adds no property to an object, and one object for all of a class', () => {
    const layer = layerOf()
    const [one, other] = [new Speaker(), new Speaker()]
    const before = ownOf(one)
    layer.install(one)
    layer.install(other)
    expect(ownOf(one)).to.deep.equal(before)
    expect(Object.getPrototypeOf(one)).to.equal(Object.getPrototypeOf(other))
    expect(one).to.be.an.instanceOf(Speaker)
    const listed: string[] = []
    for (const key in one) listed.push(key)
    expect(listed).to.deep.equal(['said'])
  })

  it('reaches the methods that the class has at the time', () => {
    class Later extends Speaker {}
    const layer = layerOf()
    const speaker = new Later()
    layer.install(speaker)
    Later.prototype.say = function (word) {
      this.said.push(`later ${word}`)
    }
    speaker.say('a')
    expect(speaker.said).to.deep.equal(['later A'])
  })

  it('overrides an object with a method of its own on itself, and puts that back', () => {
    const layer = layerOf()
    const speaker = new Speaker()
    speaker.say = (word) => {
      speaker.said.push(`own ${word}`)
    }
    const before = ownOf(speaker)
    layer.install(speaker)
    expect(Object.getPrototypeOf(speaker)).to.equal(Speaker.prototype)
    speaker.say('a')
    speaker.sing('b')
    expect(speaker.said).to.deep.equal(['own A', '~B'])
    layer.restore(speaker)
    expect(ownOf(speaker)).to.deep.equal(before)
  })

  it('passes on what somebody who has wrapped a method calls after its end, and does not pile up', () => {
    const speaker = new Speaker()
    const first = layerOf()
    first.install(speaker)
    const { say } = speaker
    speaker.say = function (word) {
      say.call(this, `theirs ${word}`)
    }
    first.restore(speaker)
    const left = ownOf(speaker)
    speaker.say('a')
    Object.create(speaker).say('b')
    expect(speaker.said).to.deep.equal(['theirs a', 'theirs b'])
    for (let n = 0; n < 10; n++) {
      const next = n % 2 ? first : layerOf()
      next.install(speaker)
      speaker.said = []
      speaker.say('c')
      // the first is above theirs no more, and hears of it through them
      expect(speaker.said[0]!.toLowerCase()).to.equal('theirs c')
      expect(speaker.said).to.have.length(1)
      next.restore(speaker)
    }
    speaker.said = left.said!.value
    expect(ownOf(speaker)).to.deep.equal(left)
  })

  it('is called once where somebody has put back what they found', () => {
    const layer = layerOf()
    const speaker = new Speaker()
    layer.install(speaker)
    const { say } = speaker
    speaker.say = say
    speaker.say('a')
    expect(speaker.said).to.deep.equal(['A'])
    layer.restore(speaker)
    speaker.say('b')
    expect(speaker.said).to.deep.equal(['A', 'b'])
    expect(Object.keys(speaker)).to.deep.equal(['said'])
  })

  it('leaves what somebody has put between an object and the layer', () => {
    const layer = layerOf()
    const speaker = new Speaker()
    layer.install(speaker)
    const between = Object.create(Object.getPrototypeOf(speaker), { name: { value: 'between' } })
    Object.setPrototypeOf(speaker, between)
    speaker.say('a')
    layer.restore(speaker)
    speaker.say('b')
    expect(speaker.said).to.deep.equal(['A', 'b'])
    expect(Object.getPrototypeOf(speaker)).to.equal(between)
    expect(Object.getPrototypeOf(between)).to.equal(Speaker.prototype)
  })

  it('leaves a method that somebody has replaced for all objects of the class through one of them', () => {
    const layer = layerOf()
    const speaker = new Speaker()
    layer.install(speaker)
    const shared = Object.getPrototypeOf(speaker) as Speaker
    const { say } = shared
    shared.say = function (word) {
      say.call(this, `theirs ${word}`)
    }
    layer.restore(speaker)
    speaker.say('a')
    expect(speaker.said).to.deep.equal(['theirs a'])
    expect(layer.isOn(speaker)).to.equal(false)
    const next = layerOf()
    next.install(speaker)
    speaker.say('b')
    next.restore(speaker)
    speaker.say('c')
    expect(speaker.said).to.deep.equal(['theirs a', 'theirs B', 'theirs c'])
  })

  it('does nothing any more on an object that was frozen meanwhile', () => {
    const layer = layerOf()
    const speaker = new Speaker()
    layer.install(speaker)
    Object.freeze(speaker)
    layer.restore(speaker)
    speaker.say('a')
    expect(speaker.said).to.deep.equal(['a'])
    expect(layer.isOn(speaker)).to.equal(false)
  })

  it('leaves alone what takes no properties', () => {
    const layer = layerOf()
    for (const each of [Object.freeze(new Speaker()), Object.preventExtensions(new Speaker())]) {
      expect(layer.install(each)).to.equal(false)
      each.say('a')
      expect(each.said).to.deep.equal(['a'])
      layer.restore(each)
    }
  })
})
