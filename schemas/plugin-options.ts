import { z } from 'zod'
import { isOfFunctions, metricsRegistry } from './given-objects.ts'
import { callable, objectOf } from './option-parts.ts'
import { attachOptions } from './options.ts'

const hook = callable().meta({ allowed: 'an onRequest hook' })
const hooks = z
  .union([z.literal(false), hook, z.array(hook).min(1)])
  .meta({ allowed: 'an onRequest hook, an array of at least one, or an explicit false' })

export const adminOptions = z.strictObject({
  prefix: z
    .string()
    .regex(/^(?=\/)(?:\/(?!\.{1,2}(?:\/|$))[\w\-.]+)*\/?$/)
    .meta({
      allowed:
        'a path as /ops/spillway, its segments of letters, digits and - _ . but neither empty nor . or ..',
    })
    .default('/spillway')
    .describe('Where the admin routes are mounted.'),
  auth: hooks.describe(
    'An `onRequest` hook, or several, that let a request pass or answer it; `false` leaves the routes open.',
  ),
  changeAuth: hooks
    .optional()
    .describe('The same for the routes that change something; without it they refuse everyone.'),
  ui: z.boolean().default(true).describe('Whether there is a dashboard at `{prefix}/ui`.'),
  rateLimit: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(600)
    .describe('Requests a minute of one address, where the app has @fastify/rate-limit.'),
})

/** What the Fastify plugin takes beside the options of `attach`. */
export const pluginOptions = z.strictObject({
  ...attachOptions.shape,
  io: z
    .unknown()
    .meta({ allowed: 'a Server of socket.io 4.7 or later' })
    .optional()
    .describe(
      'The Socket.IO server. Default: `app.io` (fastify-socket.io), else one is made on `app.server` and closed with the app.',
    ),
  server: objectOf<object>("an object of Socket.IO's server options")
    .optional()
    .describe('Options of the Socket.IO server that is made when there is none.'),
  metrics: z
    .strictObject({
      registry: metricsRegistry.describe('The prom-client registry that the metrics go to.'),
    })
    .optional()
    .describe('Where the metrics go. Default: a registry of our own at `{prefix}/metrics`.'),
  prefix: z
    .string()
    .max(1000)
    .optional()
    .describe(
      "Fastify's own, as of each plugin: the admin routes are at `{prefix}{admin.prefix}`.",
    ),
  logLevel: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Fastify's own: of the admin routes, and of what the plugin itself writes to `app.log`.",
    ),
  logSerializers: z
    .custom<Readonly<Record<string, (value: never) => unknown>>>(isOfFunctions)
    .meta({ allowed: 'an object of functions by the key of a log line' })
    .optional()
    .describe(
      "Fastify's own: of the admin routes, and of what the plugin itself writes to `app.log`.",
    ),
  admin: adminOptions.optional().describe('Mounts the admin routes; without it there are none.'),
})
