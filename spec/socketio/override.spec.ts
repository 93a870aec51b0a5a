import { expect } from 'chai'
import { note, Override, replaceMethod } from '../../lib/socketio/override.ts'

class Speaker {
  said: string[] = []

  say(word: string): string {
    this.said.push(word)
    return word
  }
}

type Say = (word: string) => string

/** What an object has of its own, down to the attributes of its properties. */
const ownOf = (target: object) => Object.getOwnPropertyDescriptors(target)

/** Ways in which an object may have a method, each with how to make it. */
const ORIGINALS: Record<string, () => Speaker> = {
  'of its class': () => new Speaker(),
  'of its own': () =>
    Object.assign(new Speaker(), {
      say(this: Speaker, word: string) {
        this.said.push(word)
        return word
      },
    }),
  'of its own that is an arrow function': () => {
    const speaker = new Speaker()
    speaker.say = (word) => {
      speaker.said.push(word)
      return word
    }
    return speaker
  },
  'that is not writable': () => defined({ writable: false, configurable: true, enumerable: false }),
  'that is not configurable': () =>
    defined({ writable: true, configurable: false, enumerable: true }),
  'that is an accessor': () => {
    const speaker = new Speaker()
    return Object.defineProperty(speaker, 'say', {
      get: () => (word: string) => {
        speaker.said.push(word)
        return word
      },
      set() {},
      configurable: true,
      enumerable: true,
    })
  },
  'of a frozen prototype': () => {
    const frozen = Object.freeze({
      say(this: Speaker, word: string) {
        this.said.push(word)
        return word
      },
    })
    return Object.assign(Object.create(frozen), { said: [] }) as Speaker
  },
}

function defined(attributes: PropertyDescriptor): Speaker {
  const speaker = new Speaker()
  return Object.defineProperty(speaker, 'say', {
    value: (word: string) => {
      speaker.said.push(word)
      return word
    },
    ...attributes,
  })
}

/** As other libraries wrap methods. */
function wrap(speaker: Speaker, prefix: string): () => void {
  const { say } = speaker
  speaker.say = function (word) {
    return say.call(this, prefix + word)
  }
  return () => {
    speaker.say = say
  }
}

const loudly = (speaker: Speaker) =>
  replaceMethod(speaker, 'say', (say) => (word) => say(word.toUpperCase()))

describe('replaceMethod', () => {
  for (const [title, make] of Object.entries(ORIGINALS)) {
    describe(`of a method ${title}`, () => {
      it('puts back exactly what was there, also when it is called twice', () => {
        const speaker = make()
        const before = ownOf(speaker)
        const restore = loudly(speaker)!
        expect(speaker.say('a')).to.equal('A')
        restore()
        restore()
        expect(ownOf(speaker)).to.deep.equal(before)
        expect(speaker.say('b')).to.equal('b')
        expect(speaker.said).to.deep.equal(['A', 'b'])
      })

      it('passes on what somebody who has wrapped it calls', () => {
        const speaker = make()
        const restore = loudly(speaker)!
        const unwrap = wrap(speaker, 'theirs-')
        const theirs = ownOf(speaker).say
        expect(speaker.say('a')).to.equal('THEIRS-A')
        restore()
        expect(ownOf(speaker).say).to.deep.equal(theirs)
        expect(speaker.say('b')).to.equal('theirs-b')
        // they put back what they found
        unwrap()
        expect(speaker.say('c')).to.equal('c')
        expect(speaker.said).to.deep.equal(['THEIRS-A', 'theirs-b', 'c'])
      })

      it('may be done again while somebody wraps the one before, and does not pile up', () => {
        const speaker = make()
        const restore = loudly(speaker)!
        wrap(speaker, 'theirs-')
        restore()
        const theirs = ownOf(speaker).say
        for (let n = 0; n < 100; n++) {
          const again = loudly(speaker)!
          expect(speaker.say('a')).to.equal('theirs-A')
          again()
          expect(ownOf(speaker).say).to.deep.equal(theirs)
        }
        expect(speaker.said).to.have.length(100)
      })
    })
  }

  it('leaves nothing that piles up where somebody puts it back after its end', () => {
    for (const make of Object.values(ORIGINALS)) {
      const speaker = make()
      const before = ownOf(speaker)
      for (let n = 0; n < 100; n++) {
        const restore = loudly(speaker)!
        const unwrap = wrap(speaker, 'theirs-')
        restore()
        unwrap()
      }
      // the last of them is there still, and passes on
      loudly(speaker)!()
      expect(ownOf(speaker)).to.deep.equal(before)
    }
  })

  it('shows no more of a property than was to be seen before', () => {
    const speaker = new Speaker()
    loudly(speaker)
    expect(Object.keys(speaker)).to.deep.equal(['said'])
    const own = ORIGINALS['of its own']!()
    loudly(own)
    expect(Object.keys(own)).to.deep.equal(['said', 'say'])
  })

  it('reaches the method that the prototype has at the time', () => {
    class Later extends Speaker {}
    const speaker = new Later()
    const restore = loudly(speaker)!
    const own = speaker.say
    Later.prototype.say = (word) => `${word}!`
    expect(speaker.say('a')).to.equal('A!')
    restore()
    expect(speaker.say('a')).to.equal('a!')
    expect(own.call(speaker, 'a'), 'kept by somebody').to.equal('a!')
  })

  for (const [title, make] of Object.entries({
    'neither writable nor configurable': () => defined({ writable: false, configurable: false }),
    'of a frozen object': () => Object.freeze(new Speaker()),
    'of an object that takes no more properties': () => Object.preventExtensions(new Speaker()),
    'an accessor that is not configurable': () =>
      Object.defineProperty(new Speaker(), 'say', {
        get: () => (word: string) => word,
        configurable: false,
      }),
  })) {
    it(`leaves alone what is ${title}`, () => {
      const speaker = make()
      const before = ownOf(speaker)
      expect(loudly(speaker)).to.equal(undefined)
      expect(ownOf(speaker)).to.deep.equal(before)
      expect(speaker.say('a')).to.equal('a')
    })
  }

  it('does not mind that the object was frozen meanwhile', () => {
    const speaker = new Speaker()
    const restore = loudly(speaker)!
    Object.freeze(speaker)
    restore()
    expect(speaker.say('a')).to.equal('a')
  })

  it('does not take away what somebody has put in its place', () => {
    const speaker = new Speaker()
    const restore = loudly(speaker)!
    const theirs: Say = (word) => `theirs ${word}`
    speaker.say = theirs
    restore()
    expect(speaker.say).to.equal(theirs)
    const deleted = new Speaker()
    const again = loudly(deleted)!
    Reflect.deleteProperty(deleted, 'say')
    again()
    expect(deleted.say('a')).to.equal('a')
  })

  it('may be undone from within a call of it', () => {
    const speaker = new Speaker()
    const restore = replaceMethod(speaker, 'say', (say) => (word) => {
      restore!()
      return say(word.toUpperCase())
    })
    expect(speaker.say('a')).to.equal('A')
    expect(speaker.say('a')).to.equal('a')
    expect(Object.hasOwn(speaker, 'say')).to.equal(false)
  })
})

type Shared = Override<Speaker, 'say'>

describe('Override', () => {
  const replaced = new Set<object>()
  const shared = () => {
    const override: Shared = new Override('say', function (this: Speaker, word: string): string {
      const say: Say = override.original(this)
      return say.call(this, replaced.has(this) ? word.toUpperCase() : word)
    })
    return override
  }
  const restore = (override: Shared, speaker: Speaker) => {
    replaced.delete(speaker)
    override.restore(speaker)
  }
  const install = (override: Shared, speaker: Speaker) => {
    replaced.add(speaker)
    return override.install(speaker)
  }

  it('is one function for all objects, whatever each had', () => {
    const override = shared()
    const speakers = Object.values(ORIGINALS).map((make) => make())
    const before = speakers.map(ownOf)
    for (const speaker of speakers) expect(install(override, speaker)).to.equal(true)
    expect(new Set(speakers.map(({ say }) => say)).size).to.equal(1)
    for (const speaker of speakers) expect(speaker.say('a')).to.equal('A')
    for (const speaker of speakers) restore(override, speaker)
    expect(speakers.map(ownOf)).to.deep.equal(
      before.map((own) => ({ ...own, said: { ...own.said, value: ['A'] } })),
    )
  })

  it('finds the original through a wrapper, a proxy and an object that inherits', () => {
    const override = shared()
    for (const make of Object.values(ORIGINALS)) {
      const speaker = make()
      install(override, speaker)
      wrap(speaker, 'theirs-')
      restore(override, speaker)
      expect(speaker.say('a')).to.equal('theirs-a')
      expect(Object.create(speaker).say('b')).to.equal('theirs-b')
      expect(speaker.said).to.deep.equal(['theirs-a', 'theirs-b'])
    }
    const plain = new Speaker()
    install(override, plain)
    const kept = plain.say
    restore(override, plain)
    expect(new Proxy(plain, {}).say('c')).to.equal('c')
    expect(kept.call(new Proxy(plain, {}), 'd')).to.equal('d')
  })

  it('finds the original for an object that inherits from where it is', () => {
    const override = shared()
    const speaker = new Speaker()
    install(override, speaker)
    const derived = Object.create(speaker) as Speaker
    replaced.add(derived)
    derived.say('a')
    expect(speaker.said).to.deep.equal(['A'])
  })

  it('is not put above somebody who may still call it', () => {
    const override = shared()
    const speaker = new Speaker()
    install(override, speaker)
    const unwrap = wrap(speaker, 'theirs-')
    restore(override, speaker)
    expect(override.install(speaker)).to.equal(false)
    expect(speaker.say('a')).to.equal('theirs-a')
    unwrap()
    expect(override.install(speaker), 'put back by them').to.equal(true)
    restore(override, speaker)
    expect(Object.hasOwn(speaker, 'say')).to.equal(false)
  })

  it('forgets what an object had of its own and has lost since', () => {
    const override = shared()
    const speaker = ORIGINALS['of its own']!()
    install(override, speaker)
    restore(override, speaker)
    Reflect.deleteProperty(speaker, 'say')
    install(override, speaker)
    restore(override, speaker)
    expect(Object.hasOwn(speaker, 'say')).to.equal(false)
  })
})

describe('note', () => {
  it('is seen by nobody who lists properties, and can be deleted', () => {
    const key: unique symbol = Symbol('key')
    const target: { [key]?: number } = {}
    note(target, key, 1)
    expect(target[key]).to.equal(1)
    expect(Object.getOwnPropertySymbols({ ...target })).to.deep.equal([])
    Reflect.deleteProperty(target, key)
    expect(Reflect.ownKeys(target)).to.deep.equal([])
  })
})
