import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reached } from '../browser/browser.ts'

/** What promtool answers: its status, and all that it says. */
export function promtool(args: readonly string[], input = ''): { status: number; said: string } {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error) throw missing('promtool', error)
  return { status: status!, said: `${stdout}${stderr}` }
}

export interface PrometheusOptions {
  /** Path to scrape and port on this machine, by job; every second. */
  readonly jobs: Readonly<Record<string, { readonly port: number; readonly path: string }>>
  /** The text of a file of rules; evaluated every second. */
  readonly rules: string
}

/** A Prometheus of its own on a free port. */
export interface Prometheus {
  /** Of the first series; undefined if there is none. */
  value(query: string): Promise<number | undefined>
  /** Names of the alerts that fire. */
  firing(): Promise<string[]>
  close(): Promise<void>
}

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-prometheus-'))
  await writeFile(join(folder, 'rules.yml'), options.rules)
  await writeFile(join(folder, 'prometheus.yml'), configOf(options))
  const { child, said, failure } = run(folder)

  async function close(): Promise<void> {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill()
      await once(child, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }

  try {
    await reached('ready', () => {
      if (failure()) throw missing('prometheus', failure()!)
      if (child.exitCode !== null) throw new Error(`Prometheus has ended:\n${said()}`)
      return said().includes('Server is ready to receive web requests')
    })
  } catch (error) {
    await close()
    throw error
  }
  const api = `http://${/msg="Listening on" address=(\S+)/.exec(said())![1]}/api/v1`

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${api}/${path}`)
    const { data, error } = (await answer.json()) as { data: T; error?: string }
    if (!answer.ok) throw new Error(`${path}: ${error}`)
    return data
  }

  return {
    async value(query) {
      const path = `query?query=${encodeURIComponent(query)}`
      const { result } = await ask<{ result: Array<{ value: [number, string] }> }>(path)
      return result[0] && Number(result[0].value[1])
    },
    async firing() {
      type Alert = { state: string; labels: { alertname: string } }
      const { alerts } = await ask<{ alerts: Alert[] }>('alerts')
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)
    },
    close,
  }
}

interface Run {
  readonly child: ChildProcess
  /** Its log so far. */
  said(): string
  /** Why it could not be started, if so. */
  failure(): Error | undefined
}

function run(folder: string): Run {
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  let failure: Error | undefined
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  child.once('error', (error) => {
    failure = error
  })
  return { child, said: () => said, failure: () => failure }
}

function missing(command: string, cause: Error): Error {
  return new Error(`no ${command}; it is in Debian's package prometheus`, { cause })
}

function configOf({ jobs }: PrometheusOptions): string {
  return JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: Object.entries(jobs).map(([name, { port, path }]) => ({
      job_name: name,
      metrics_path: path,
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    })),
  })
}
