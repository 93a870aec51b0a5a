import { note, type Override } from './override.ts'

/** The overrides of a layer, of which each has another name. */
type Overrides<T extends object> = ReadonlyArray<
  Pick<Override<T, never>, 'install' | 'restore' | 'isOn' | 'addTo'> & {
    readonly name: PropertyKey
  }
>

/**
 * Overrides several methods of many objects of a few classes, at the cost of one operation an object:
 * an object that has the functions is put between it and the prototype of its class, the same for all
 * objects of that class. An object with a method of its own is overridden on itself instead.
 */
export class OverrideLayer<T extends object, Key extends keyof T & symbol> {
  readonly #overrides: Overrides<T>
  readonly #key: Key
  readonly #mark: NonNullable<T[Key]>
  /** By the prototypes of the classes. */
  readonly #layers = new WeakMap<object, object>()
  /** Objects that keep the functions after `restore`, which then do nothing: they are frozen, say. */
  #abandoned: WeakSet<object> | undefined

  /**
   * @param key where objects show that the overrides are installed on them
   * @param mark what they show there
   */
  constructor(overrides: Overrides<T>, key: Key, mark: NonNullable<T[Key]>) {
    this.#overrides = overrides
    this.#key = key
    this.#mark = mark
  }

  isOn(target: T): boolean {
    return target[this.#key] === this.#mark && this.#abandoned?.has(target) !== true
  }

  /** @returns whether the overrides are installed; not on an object that can't be changed */
  install(target: T): boolean {
    if (!Object.isExtensible(target) || this.#abandoned?.has(target)) return false
    if (this.#overrides.some(({ name }) => Object.hasOwn(target, name))) {
      note(target, this.#key, this.#mark)
      for (const override of this.#overrides) {
        if (typeof Reflect.get(target, override.name) === 'function') override.install(target)
      }
    } else Reflect.setPrototypeOf(target, this.#layerOf(target))
    return this.isOn(target)
  }

  /** Undoes `install`. */
  restore(target: T): void {
    if (!this.isOn(target)) return
    if (Object.hasOwn(target, this.#key)) {
      Reflect.deleteProperty(target, this.#key)
      for (const override of this.#overrides) override.restore(target)
    } else {
      this.#removeLayer(target)
      // somebody has wrapped the function since, and their wrapper goes on calling it
      for (const override of this.#overrides) {
        if (Object.hasOwn(target, override.name)) override.restore(target)
      }
    }
    if (!this.isOn(target)) return
    this.#abandoned ??= new WeakSet()
    this.#abandoned.add(target)
  }

  #layerOf(target: T): object {
    const prototype: object = Object.getPrototypeOf(target)
    let layer = this.#layers.get(prototype)
    if (!layer) {
      layer = Object.create(prototype) as object
      for (const override of this.#overrides) {
        if (typeof Reflect.get(target, override.name) === 'function') override.addTo(layer)
      }
      note(layer as T, this.#key, this.#mark)
      this.#layers.set(prototype, layer)
    }
    return layer
  }

  /** Somebody may have put another object between the target and the layer since. */
  #removeLayer(target: T): void {
    for (let each: object = target; ; ) {
      const next: object | null = Object.getPrototypeOf(each)
      if (!next) return
      if (this.#isLayer(next)) {
        Reflect.setPrototypeOf(each, Object.getPrototypeOf(next))
        return
      }
      each = next
    }
  }

  /** A layer that somebody has changed since stays: their change has to go on working. */
  #isLayer(object: object): boolean {
    return (
      this.#layers.get(Object.getPrototypeOf(object) ?? object) === object &&
      this.#overrides.every((each) => each.isOn(object) || !Object.hasOwn(object, each.name))
    )
  }
}
