import { DeliveryWindow } from '../../../lib/window/delivery-window.ts'
import { PathEstimate } from '../../../lib/window/path-estimate.ts'

/**
 * A window that has measured a path: round trip in ms, rate in bytes a ms.
 *
 * @param bytes that each answer but the first has proven
 */
export function measured(
  rtt: number,
  rate: number,
  bytes = 4096,
  answers = 21,
): { window: DeliveryWindow; now: number } {
  const window = new DeliveryWindow(new PathEstimate(1))
  window.answered(window.marked(0), rtt)
  let now = rtt
  for (let n = 1; n < answers; n++) {
    window.written(bytes, now)
    const sequence = window.marked(now)
    window.hold()
    now += bytes / rate + rtt
    window.answered(sequence, now)
  }
  return { window, now }
}
