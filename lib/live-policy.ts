import type { AttachOptions } from '../schemas/options.ts'
import { withoutPrototype } from '../schemas/own-keys.ts'
import type { Policy, PolicyChange } from '../schemas/policy.ts'
import { checkWatermarks } from '../schemas/watermarks.ts'
import { definedIn } from './base/defined-in.ts'
import type { Limits } from './base/limits.ts'

/** The limits that all clients have, as they are configured, and what may change of them. */
export class LivePolicy {
  limits: Limits
  /** As they were given: `emergency` may follow from `limit`. */
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
   * @param change parsed
   * @throws SpillwayError SPILLWAY_WATERMARK_ORDER; nothing has changed then
   */
  change({ watermarks, mode, maxAge }: PolicyChange): void {
    const given = withoutPrototype({ ...this.#watermarks, ...definedIn(watermarks) })
    const bytes = checkWatermarks(given)
    this.#watermarks = given
    this.limits = { ...this.limits, ...definedIn({ mode, maxAge }), ...bytes }
  }
}
