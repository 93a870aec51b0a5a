import type { AttachOptions } from '../schemas/options.ts'
import { withoutPrototype } from '../schemas/own-keys.ts'
import type { Policy, PolicyChange } from '../schemas/policy.ts'
import { checkWatermarks } from '../schemas/watermarks.ts'
import { definedIn } from './base/defined-in.ts'
import type { Limits } from './base/limits.ts'

/** The configured limits of all clients, some of which may change while the server runs. */
export class LivePolicy {
  limits: Limits
  /** Watermarks as given: without `emergency` it follows from `limit`. */
  #watermarks: AttachOptions['watermarks']

  /** @throws SpillwayError SPILLWAY_WATERMARK_ORDER */
  constructor({ mode, stallAfter, grace, maxAge, watermarks }: AttachOptions) {
    this.#watermarks = watermarks
    this.limits = { mode, stallAfter, grace, maxAge, ...checkWatermarks(watermarks) }
  }

  get current(): Policy {
    const { mode, low, high, limit, emergency, maxAge } = this.limits
    return { mode, watermarks: { low, high, limit, emergency }, maxAge }
  }

  /**
   * @param change parsed; what is left out stays as it is
   * @throws SpillwayError SPILLWAY_WATERMARK_ORDER; nothing has changed then
   */
  change({ watermarks, mode, maxAge }: PolicyChange): void {
    const given = withoutPrototype({ ...this.#watermarks, ...definedIn(watermarks) })
    const bytes = checkWatermarks(given)
    this.#watermarks = given
    this.limits = { ...this.limits, ...definedIn({ mode, maxAge }), ...bytes }
  }
}
