/** Rows of the form [time in seconds, value, ...], of the last `seconds` seconds. */
export class Samples {
  #rows = []
  #seconds

  constructor(seconds) {
    this.#seconds = seconds
  }

  add(...row) {
    this.#rows.push(row)
    const oldest = row[0] - this.#seconds
    while (this.#rows[0][0] < oldest) this.#rows.shift()
  }

  /** uPlot's form of data: one array per column. */
  columns(width) {
    return Array.from({ length: width }, (_, column) => this.#rows.map((row) => row[column]))
  }

  /** Percentile of the rows' first value by nearest rank; `null` without rows. */
  percentile(share, since) {
    const values = this.#rows.filter(([at]) => at >= since).map(([, value]) => value)
    values.sort((a, b) => a - b)
    return values[Math.ceil(values.length * share) - 1] ?? null
  }
}
