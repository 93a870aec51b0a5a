/** A mistake of the caller: it is shown without a stack. */
export class UsageError extends Error {
  override name = 'UsageError'
}

export interface NumberOption {
  readonly default: number
  readonly min: number
  readonly max: number
}

export interface NumbersOption {
  readonly default: readonly number[]
  readonly min: number
  readonly max: number
}

/** What follows the scenario's name; each option is taken once, and none may be left. */
export class Arguments {
  readonly #values = new Map<string, string | true>()

  /** @throws UsageError for what is no option or is given twice */
  constructor(args: readonly string[]) {
    for (let i = 0; i < args.length; i++) {
      const [, name, inline] = /^--([a-z][a-z-]*)(?:=(.*))?$/.exec(args[i]!) ?? []
      if (name === undefined) throw new UsageError(`${args[i]}: not an option`)
      if (this.#values.has(name)) throw new UsageError(`--${name}: given twice`)
      const follows = inline === undefined && args[i + 1]?.startsWith('--') === false
      this.#values.set(name, inline ?? (follows ? args[++i]! : true))
    }
  }

  flag(name: string): boolean {
    const given = this.#take(name)
    if (typeof given === 'string') throw refuse(name, given, 'no value')
    return given ?? false
  }

  /** Any text; undefined without the option. */
  text(name: string): string | undefined {
    const given = this.#take(name)
    if (given === true || given === '') throw refuse(name, given, 'a value')
    return given
  }

  /** A whole number. */
  number(name: string, option: NumberOption): number {
    const given = this.#take(name) ?? String(option.default)
    const value = given !== true && /^\d+$/.test(given) ? Number(given) : Number.NaN
    if (value >= option.min && value <= option.max) return value
    throw refuse(name, given, `a whole number from ${option.min} to ${option.max}`)
  }

  /** A whole number; undefined without the option. */
  numberIfGiven(name: string, option: Omit<NumberOption, 'default'>): number | undefined {
    return this.#values.has(name)
      ? this.number(name, { ...option, default: option.min })
      : undefined
  }

  /** Whole numbers with commas between them, ascending. */
  numbers(name: string, option: NumbersOption): readonly number[] {
    const given = this.#take(name) ?? option.default.join(',')
    const parts = given === true ? [''] : given.split(',')
    const values = parts.filter((part) => /^\d+$/.test(part)).map(Number)
    const allowed = values.filter((value) => value >= option.min && value <= option.max)
    if (allowed.length === parts.length && new Set(allowed).size === parts.length) {
      return allowed.toSorted((a, b) => a - b)
    }
    throw refuse(name, given, `whole numbers from ${option.min} to ${option.max}, each once: 1,2,3`)
  }

  /** Names with commas between them; without the option, all that are allowed. */
  names<Name extends string>(name: string, allowed: readonly Name[]): readonly Name[] {
    const given = this.#take(name)
    if (given === undefined) return allowed
    const names = given === true ? [''] : given.split(',')
    const known = names.filter((one): one is Name => (allowed as readonly string[]).includes(one))
    if (known.length === names.length && new Set(names).size === names.length) return known
    throw refuse(name, given, `each of these at most once: ${allowed.join(',')}`)
  }

  /** One name; without the option, the first that is allowed. */
  name<Name extends string>(name: string, allowed: readonly Name[]): Name {
    const given = this.#take(name) ?? allowed[0]
    const known = allowed.find((each) => each === given)
    if (known !== undefined) return known
    throw refuse(name, given!, `one of ${allowed.join(', ')}`)
  }

  /** @throws UsageError if the scenario has not taken an option */
  end(): void {
    for (const name of this.#values.keys()) {
      throw new UsageError(`--${name}: this scenario has no such option`)
    }
  }

  #take(name: string): string | true | undefined {
    const value = this.#values.get(name)
    this.#values.delete(name)
    return value
  }
}

function refuse(name: string, given: string | true, allowed: string): UsageError {
  const shown = given === true ? 'no value' : JSON.stringify(given)
  return new UsageError(`--${name}: was given ${shown}; allowed: ${allowed}`)
}
