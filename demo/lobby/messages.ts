import { z } from 'zod'
import { cosmetic, critical } from '../../lib/index.ts'

/** What a casino lobby sends. Each message is about 2 KB, most of it artwork. */

const art = z.string().describe('A sprite, in base64.')
const sentAt = z.number().describe('Milliseconds of the wall clock, to tell latency.')

/** Critical messages are numbered, so that a client can tell whether it missed one. */
const numbered = { seq: z.int().min(1), sentAt, art }

const seat = z.object({
  kind: z.literal('seat'),
  table: z.string(),
  seat: z.int().min(1).max(9),
  player: z.string().nullable(),
  ...numbered,
})

const chatter = z.object({
  kind: z.literal('chatter'),
  table: z.string(),
  text: z.string(),
  sentAt,
  art,
})

export const messages = {
  'jackpot:won': critical(
    z.object({ game: z.string(), amount: z.int(), winner: z.string(), ...numbered }),
  ),
  'table:state': z.discriminatedUnion('kind', [critical(seat), cosmetic(chatter, { rank: -1 })]),
  'reel:frame': cosmetic(
    z.object({
      game: z.string(),
      frame: z.int(),
      symbols: z.array(z.string()).length(3),
      sentAt,
      art,
    }),
    { conflateBy: 'game', maxAge: 2_000 },
  ),
  'sound:cue': cosmetic(z.object({ cue: z.string(), sentAt, art }), { maxAge: 500 }),
  'chat:line': cosmetic(z.object({ from: z.string(), text: z.string(), sentAt, art }), {
    rank: -1,
    maxAge: 10_000,
  }),
}

export type LobbyMessages = typeof messages
