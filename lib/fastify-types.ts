// biome-ignore-all lint/suspicious/noTsIgnore: there is an error only for whoever has no Fastify
import type { Spillway } from './spillway.ts'

// Fastify is an optional peer, whose types the compiler cannot find without it. The comments below
// stay in the published declarations; these types are `any` then.

/** @ts-ignore -- without Fastify */
export type { FastifyInstance, onRequestHookHandler, RegisterOptions } from 'fastify'

/** @ts-ignore -- without Fastify */
declare module 'fastify' {
  interface FastifyInstance {
    spillway: Spillway
  }
}
