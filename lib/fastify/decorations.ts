/**
 * Whether an app, or one that it is registered in, has a decoration. Fastify itself takes what somebody
 * has put on `Object.prototype` for one.
 */
export function isDecorated(app: { hasDecorator(name: string): boolean }, name: string): boolean {
  if (!app.hasDecorator(name)) return false
  return !Object.hasOwn(Object.prototype, name) || Reflect.get(app, name) !== Reflect.get({}, name)
}
