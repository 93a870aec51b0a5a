import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** A network namespace at the other end of a slow cable. */
export interface Namespace {
  readonly name: string
  /** This end's address. */
  readonly host: string
  /** Pulls its plug: from now on nothing goes to it or comes from it. */
  cut(): Promise<void>
  close(): Promise<void>
}

/** `ip` and `tc` answer at once, or never. */
const COMMAND_MS = 10_000
/** One Ethernet frame: with more, a message would pass without being slowed down. */
const BURST = 1600
/** The shaper is asked so often a second; above some Mbit/s it needs more than one frame. */
const TICKS_PER_SECOND = 250
/** More than TCP keeps in a queueing discipline at any rate at which it matters: no drops. */
const QUEUE = 512 * 1024

/** Of one process at the same time: each has a network of four addresses. */
const MOST_OPEN = 64

let opened = 0

/**
 * Only what goes to the namespace is slow.
 *
 * @throws Error if the commands are missing or not permitted; then nothing is left behind
 */
export async function openNamespace(rateKbit: number): Promise<Namespace> {
  const count = opened++
  const id = `${process.pid.toString(36)}x${count.toString(36)}`
  const [name, here, there] = [`spill-${id}`, `sph${id}`, `spc${id}`]
  const network = `10.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}`
  const address = (host: number): string => `${network}.${4 * (count % MOST_OPEN) + host}`
  const burst = Math.max(BURST, Math.ceil((rateKbit * 1000) / 8 / TICKS_PER_SECOND))
  const close = async (): Promise<void> => {
    // the cable first: a namespace lives on while anything in it does
    await ip('link', 'del', here).catch(() => {})
    await ip('netns', 'del', name).catch(() => {})
  }
  try {
    await ip('netns', 'add', name)
    await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name)
    await ip('addr', 'add', `${address(1)}/30`, 'dev', here)
    await ip('-n', name, 'addr', 'add', `${address(2)}/30`, 'dev', there)
    await run('tc', [
      'qdisc',
      'add',
      'dev',
      here,
      'root',
      'tbf',
      'rate',
      `${rateKbit}kbit`,
      'burst',
      `${burst}`,
      'limit',
      `${QUEUE}`,
    ])
    await ip('-n', name, 'link', 'set', 'lo', 'up')
    await ip('-n', name, 'link', 'set', there, 'up')
    await ip('link', 'set', here, 'up')
  } catch (error) {
    await close()
    throw error
  }
  const cut = () => ip('-n', name, 'link', 'set', there, 'down')
  return { name, host: address(1), cut, close }
}

function ip(...args: string[]): Promise<void> {
  return run('ip', args)
}

async function run(command: string, args: string[]): Promise<void> {
  await exec(command, args, { timeout: COMMAND_MS })
}
