import type { Channel } from '../channel/channel.ts'
import type { EngineLink } from '../link/engine-link.ts'

/** A connected client. */
export interface Client {
  readonly channel: Channel
  readonly link: EngineLink
}
