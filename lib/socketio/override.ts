/** The type of a property that can be overridden. */
type Callable = (...args: never[]) => unknown
type MethodOf<T, Name extends keyof T> = Extract<NonNullable<T[Name]>, Callable>

/** The override of each function that was ever installed. */
const functions = new WeakMap<object, Override<never, never>>()

/**
 * Puts one function in the place of a method of any number of objects. `restore` puts back exactly
 * what an object had: its own property, with its attributes or accessors, or none.
 *
 * Other libraries may have wrapped the function meanwhile. Their wrapper then stays, and goes on
 * calling the function after `restore`: the function has to check that itself, and to pass the call
 * on to `original`.
 *
 * An object takes no memory here unless it has the method as its own property: the original of an
 * inherited method is found through the prototype.
 */
export class Override<T extends object, Name extends keyof T> {
  /** The method's. */
  readonly name: Name
  readonly #method: MethodOf<T, Name>
  /** The properties that objects had as their own. */
  #own: WeakMap<object, PropertyDescriptor> | undefined
  /** Restored objects whose property somebody else has replaced: theirs may call this function. */
  #wrapped: WeakSet<object> | undefined
  /** Objects that were given the function for those that inherit from them. */
  #layers: WeakSet<object> | undefined
  /** That of the latest object: thousands may be of one class. */
  #prototype: object | null = null
  /** Whether objects with that prototype inherit an enumerable property. */
  #isEnumerable = false

  constructor(name: Name, method: MethodOf<T, Name>) {
    this.name = name
    this.#method = method
    functions.set(method, this as unknown as Override<never, never>)
  }

  /** Whether the object's property can be replaced, and put back. */
  fits(target: T): boolean {
    return isReplaceable(target, Reflect.getOwnPropertyDescriptor(target, this.name))
  }

  /** @returns whether it is installed; not on an object whose present function may call it already */
  install(target: T): boolean {
    const present = Reflect.getOwnPropertyDescriptor(target, this.name)
    if (present?.value === this.#method) return true
    if (this.#wrapped?.has(target) || !isReplaceable(target, present)) return false
    const own = present && originalOf(target, present)
    if (own) {
      this.#own ??= new WeakMap()
      this.#own.set(target, own)
    } else this.#own?.delete(target)
    const isEnumerable = present ? present.enumerable === true : this.#inheritsEnumerable(target)
    return place(target, this.name, present, isEnumerable, this.#method)
  }

  #inheritsEnumerable(target: object): boolean {
    const prototype: object | null = Object.getPrototypeOf(target)
    if (prototype === null) return false
    if (prototype !== this.#prototype) {
      this.#prototype = prototype
      this.#isEnumerable = inherited(prototype, this.name)?.enumerable === true
    }
    return this.#isEnumerable
  }

  /** Whether the function is the object's own property, so that nobody has wrapped it. */
  isOn(target: object): boolean {
    return Reflect.getOwnPropertyDescriptor(target, this.name)?.value === this.#method
  }

  /** Undoes `install`. */
  restore(target: T): void {
    if (!this.isOn(target)) {
      // somebody else has deleted or replaced it, which stays
      this.#wrapped ??= new WeakSet()
      this.#wrapped.add(target)
      return
    }
    const own = this.#own?.get(target)
    if (!own) Reflect.deleteProperty(target, this.name)
    else if (own.configurable) Reflect.defineProperty(target, this.name, own)
    else Reflect.defineProperty(target, this.name, { value: own.value })
  }

  /**
   * The method that a call would reach without this override.
   *
   * @param target where it is or was installed, or an object that inherits from there
   */
  original(target: T): MethodOf<T, Name> {
    // nearly always a method of the object's class
    if (!this.#own && !this.#wrapped && !this.#layers) {
      const inherited: unknown = Reflect.get(Object.getPrototypeOf(target), this.name, target)
      if (inherited !== this.#method) return inherited as MethodOf<T, Name>
    }
    let from: object = target
    let value: unknown
    do {
      const holder = this.#holder(from)
      const own = this.#own?.get(holder)
      from = Object.getPrototypeOf(holder)
      if (own) value = own.get ? Reflect.apply(own.get, target, []) : own.value
      else value = Reflect.get(from, this.name, target)
      // both an object and one that it inherits from may have the function
    } while (value === this.#method)
    return value as MethodOf<T, Name>
  }

  /** Gives the function to an object that stands between others and the prototype of their class. */
  addTo(layer: object): void {
    const enumerable = this.#inheritsEnumerable(layer)
    place(layer, this.name, undefined, enumerable, this.#method)
    this.#layers ??= new WeakSet()
    this.#layers.add(layer)
  }

  /** @returns the property as it was, if the function has been restored here and only passes calls on */
  passedOn(target: object): { readonly own: PropertyDescriptor | undefined } | undefined {
    return this.#wrapped?.has(target) ? { own: this.#own?.get(target) } : undefined
  }

  /** The first object, from the target up its prototypes, that has or had the function. */
  #holder(target: object): object {
    for (let each: object | null = target; each; each = Object.getPrototypeOf(each)) {
      if (this.#own?.has(each) || this.#wrapped?.has(each)) return each
      if (this.#layers?.has(each) || this.isOn(each)) return each
    }
    return target
  }
}

/**
 * Replaces a method of one object.
 *
 * @param make gets the original, bound to the object, and returns what is to be called in its place
 * @returns how to put it back; from then on the replacement only passes calls on. `undefined` if the
 *   object does not let its property be replaced
 */
export function replaceMethod<T extends object, Name extends keyof T>(
  target: T,
  name: Name,
  make: (original: MethodOf<T, Name>) => MethodOf<T, Name>,
): (() => void) | undefined {
  const call = (self: unknown, method: unknown, args: readonly unknown[]): unknown =>
    Reflect.apply(method as (...args: unknown[]) => unknown, self, args)
  let replacement: unknown
  const override = new Override<T, Name>(name, function (this: unknown, ...args: unknown[]) {
    return call(this, replacement ?? override.original(target), args)
  } as unknown as MethodOf<T, Name>)
  if (!override.fits(target)) return undefined
  replacement = make(((...args: unknown[]) =>
    call(target, override.original(target), args)) as unknown as MethodOf<T, Name>)
  if (!override.install(target)) return undefined
  return () => {
    if (replacement === undefined) return
    replacement = undefined
    override.restore(target)
  }
}

/** Adds a property to an object of somebody else, which listing its properties does not show. */
export function note<T extends object, Key extends keyof T & symbol>(
  target: T,
  key: Key,
  value: T[Key],
): void {
  Reflect.defineProperty(target, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  })
}

/** The property below functions that others have put back though they had been restored. */
function originalOf(
  target: object,
  present: PropertyDescriptor | undefined,
): PropertyDescriptor | undefined {
  const value: unknown = present?.value
  const passed = typeof value === 'function' && functions.get(value)?.passedOn(target)
  return passed ? originalOf(target, passed.own) : present
}

function isReplaceable(target: object, own: PropertyDescriptor | undefined): boolean {
  if (!own) return Object.isExtensible(target)
  return own.configurable === true || own.writable === true
}

/** Defines a property with the attributes that it had. */
function place(
  target: object,
  name: PropertyKey,
  own: PropertyDescriptor | undefined,
  enumerable: boolean,
  value: unknown,
): boolean {
  if (own && !own.configurable) return Reflect.defineProperty(target, name, { value })
  return Reflect.defineProperty(target, name, {
    value,
    writable: true,
    configurable: true,
    enumerable,
  })
}

/** The property of the first object, from this one up its prototypes, that has it. */
function inherited(object: object, name: PropertyKey): PropertyDescriptor | undefined {
  for (let each: object | null = object; each; each = Object.getPrototypeOf(each)) {
    const found = Reflect.getOwnPropertyDescriptor(each, name)
    if (found) return found
  }
  return undefined
}
