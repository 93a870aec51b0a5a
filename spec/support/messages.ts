import { z } from 'zod'
import { cosmetic, critical } from '../../schemas/priority.ts'

const numbered = { n: z.number(), pad: z.string().optional() }

/** The messages of the end-to-end specs. */
export const messages = {
  'jackpot:won': critical(z.object(numbered)),
  'reel:frame': cosmetic(z.object(numbered), { maxAge: 60_000 }),
  'odds:now': cosmetic(z.object({ table: z.string(), ...numbered }), {
    conflateBy: 'table',
    maxAge: 60_000,
  }),
  'table:state': z.discriminatedUnion('kind', [
    critical(z.object({ kind: z.literal('seat'), ...numbered })),
    cosmetic(z.object({ kind: z.literal('chatter'), ...numbered }), { maxAge: 60_000 }),
  ]),
  blob: cosmetic(z.object({ data: z.instanceof(Uint8Array), n: z.number() }), { maxAge: 60_000 }),
}

export const pad = 'x'.repeat(2000)
