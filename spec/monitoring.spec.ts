import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { parse } from 'yaml'
import { METRICS } from '../lib/metrics/catalogue.ts'
import { namedIn, wrongWith } from './support/promql.ts'

const docs = (name: string) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url))
const read = (name: string) => readFileSync(docs(name), 'utf8')

interface RuleFile {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<{ alert?: string; record?: string; expr: string }>
  }>
}

interface Panel {
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } }
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
}

describe('Monitoring', () => {
  const rules = (parse(read('alerts.yml')) as RuleFile).groups.flatMap((group) => group.rules)
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []))
  const dashboard = JSON.parse(read('grafana.json')) as {
    panels: Panel[]
    templating: { list: Array<{ query: string | { query: string } }> }
  }
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')

  it('finds what a query names, and what is wrong with it', () => {
    const wrong = (query: string) =>
      namedIn(query).flatMap((named) => wrongWith(named, new Set(['a:b'])) ?? [])
    expect(
      wrong('sum by (job, le) (rate(spillway_client_rtt_seconds_bucket{job="x"}[5m])) > 2'),
    ).to.deep.equal([])
    expect(wrong('a:b / (spillway_drains_total > 0)')).to.deep.equal([])
    expect(wrong('rate(spillway_drain_total[5m])')).to.have.length(1)
    expect(wrong('rate(spillway_drains_total{code="x"}[5m])')).to.have.length(1)
    expect(wrong('sum by (le) (spillway_drains_total)')).to.have.length(1)
    expect(wrong('rate(spillway_client_rtt_seconds[5m])')).to.have.length(1)
    expect(wrong('rate(spillway_drains_total_bucket[5m])')).to.have.length(1)
    expect(wrong('label_values(spillway_connected_clients{job=~"$job"}, instance)')).to.deep.equal(
      [],
    )
  })

  it('alerts on metrics and labels that exist', () => {
    expect(rules.length).to.be.greaterThan(10)
    const wrong = rules.flatMap(({ expr }) =>
      namedIn(expr).flatMap((each) => wrongWith(each, recorded) ?? []),
    )
    expect(wrong).to.deep.equal([])
  })

  it('draws metrics and labels that exist, every panel with title, description and unit', () => {
    expect(panels.length).to.be.greaterThan(15)
    for (const { title, description, targets = [], fieldConfig } of panels) {
      expect(title).to.match(/\S/)
      expect(description, title).to.match(/\.$/)
      expect(fieldConfig!.defaults.unit, title).to.match(/\S/)
      expect(targets, title).to.not.deep.equal([])
      const wrong = targets.flatMap(({ expr }) =>
        namedIn(expr).flatMap((each) => wrongWith(each, new Set()) ?? []),
      )
      expect(wrong, title).to.deep.equal([])
    }
    for (const { query } of dashboard.templating.list.slice(1)) {
      const named = namedIn(typeof query === 'string' ? query : query.query)
      expect(named.flatMap((each) => wrongWith(each, new Set()) ?? [])).to.deep.equal([])
    }
  })

  it('draws every metric somewhere, and no panel over another', () => {
    const drawn = new Set(
      panels.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) =>
          namedIn(expr).map(({ series }) => series.replace(/_bucket$/, '')),
        ),
      ),
    )
    expect([...Object.keys(METRICS)].filter((name) => !drawn.has(name))).to.deep.equal([])
    const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => ({
        title,
        cell: `${x + (n % w)} ${y + Math.floor(n / w)}`,
      })),
    )
    expect(new Set(cells.map(({ cell }) => cell)).size).to.equal(cells.length)
  })

  it('has rules that promtool takes, each seen to fire and not to fire', () => {
    execFileSync('promtool', ['check', 'rules', docs('alerts.yml')], { stdio: 'pipe' })
    execFileSync('promtool', ['test', 'rules', docs('alerts.test.yml')], { stdio: 'pipe' })
    const tests = read('alerts.test.yml')
    for (const { alert } of rules.filter((rule) => rule.alert)) {
      expect(tests.split(alert!).length - 1, alert).to.be.at.least(2)
    }
  })
})
