/**
 * Whether an app or one of its parents has a decorator. Fastify's `hasDecorator` also returns true for
 * a property that somebody has added to `Object.prototype`.
 */
export function isDecorated(app: { hasDecorator(name: string): boolean }, name: string): boolean {
  if (!app.hasDecorator(name)) return false
  return !Object.hasOwn(Object.prototype, name) || Reflect.get(app, name) !== Reflect.get({}, name)
}
