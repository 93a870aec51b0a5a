import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { parse } from 'yaml'
import { METRICS } from '../../lib/metrics/catalogue.ts'
import { promtool } from '../support/prometheus/prometheus.ts'
import { groupedBy, namedIn, wrongWith } from '../support/prometheus/promql.ts'

const docs = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))
const read = (name: string) => readFileSync(docs(name), 'utf8')

interface RuleFile {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<Recording | Alert>
  }>
}

interface Recording {
  readonly record: string
  readonly expr: string
}

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

interface Panel {
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly targets?: ReadonlyArray<{
    readonly expr: string
    readonly legendFormat?: string
  }>
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
  const recorded = new Set(rules.flatMap((rule) => ('record' in rule ? rule.record : [])))
  const alerts = rules.filter((rule) => 'alert' in rule)
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
    expect(groupedBy('sum by (job, event) (rate(a[5m])) > 0')).to.deep.equal(['job', 'event'])
    expect(groupedBy('histogram_quantile(0.5, sum by (le) (a_bucket))')).to.deep.equal([])
    expect(groupedBy('sum(a)')).to.deep.equal([])
    expect(groupedBy('a / (b > 20)')).to.equal(undefined)
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

  it('says how bad an alert is, for how long it was so, what happens and what to do', () => {
    for (const { alert, expr, for: time, labels, annotations } of alerts) {
      expect(['critical', 'warning', 'info'], alert).to.include(labels.severity)
      expect(time, alert).to.match(/^\d+[mh]$/)
      expect(annotations.summary, alert).to.match(/^\{\{ \$labels\.instance \}\}: \S/)
      expect(annotations.description, alert).to.match(/^[A-Z].*\.$/)
      const known = groupedBy(expr) ?? ['job', 'instance']
      for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
        expect(known, alert).to.include(label)
      }
      for (const [, series] of annotations.description.matchAll(/(spillway_\w+)/g)) {
        expect(METRICS[series!], series).to.not.equal(undefined)
      }
    }
  })

  it('draws metrics and labels that exist, every panel with title, description and unit', () => {
    expect(panels.length).to.be.greaterThan(15)
    for (const { title, description, targets = [], fieldConfig } of panels) {
      expect(title).to.match(/\S/)
      expect(description, title).to.match(/\.$/)
      expect(fieldConfig!.defaults.unit, title).to.match(/\S/)
      expect(targets, title).to.not.deep.equal([])
      for (const { expr, legendFormat = '' } of targets) {
        const known = groupedBy(expr) ?? ['job', 'instance']
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(known, `${title}: ${legendFormat}`).to.include(label)
        }
      }
      const wrong = targets.flatMap(({ expr }) =>
        namedIn(expr).flatMap((each) => wrongWith(each, new Set()) ?? []),
      )
      expect(wrong, title).to.deep.equal([])
    }
    const uids = [...read('grafana.json').matchAll(/"uid": "([^"]*)"/g)].map(([, uid]) => uid)
    // its own, and of every query the variable
    for (const uid of uids) expect(uid).to.match(/^(fastify-spillway|\$\{datasource\})$/)
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
    for (const args of [
      ['check', 'rules', docs('alerts.yml')],
      ['test', 'rules', docs('alerts.test.yml')],
    ]) {
      const { status, said } = promtool(args)
      expect(status, said).to.equal(0)
    }
    for (const { alert } of alerts) {
      expect(tested(alert), alert).to.deep.equal({ fires: true, isSilent: true })
    }
  })
})

/** Whether a test of the rules has it fire, and another one, of its own, has it silent. */
function tested(alert: string): { fires: boolean; isSilent: boolean } {
  const { tests } = parse(read('alerts.test.yml')) as { tests: RuleTest[] }
  const own = tests
    .flatMap(({ alert_rule_test: each = [] }) => each)
    .filter(({ alertname }) => alertname === alert)
  const queried = tests
    .flatMap(({ promql_expr_test: each = [] }) => each)
    .flatMap(({ exp_samples: samples = [] }) => samples.map(({ labels }) => labels))
  return {
    fires:
      own.some(({ exp_alerts: expected }) => expected !== undefined) ||
      queried.some((labels) => labels.includes(`alertname="${alert}"`)),
    isSilent: own.some(({ exp_alerts: expected }) => expected === undefined),
  }
}

interface RuleTest {
  readonly alert_rule_test?: ReadonlyArray<{ alertname: string; exp_alerts?: unknown[] }>
  readonly promql_expr_test?: ReadonlyArray<{ exp_samples?: Array<{ labels: string }> }>
}
