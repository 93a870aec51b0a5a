/** What a call returns while every object inherits an enumerable property of this name. */
export function whileExtended<T>(name: string, call: () => T): T {
  const property = { value: 5, enumerable: true, configurable: true }
  Object.defineProperty(Object.prototype, name, property)
  try {
    return call()
  } finally {
    Reflect.deleteProperty(Object.prototype, name)
  }
}
