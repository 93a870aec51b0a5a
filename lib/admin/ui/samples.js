/** Rows of the form [time in seconds, value, ...] of the last minute. */
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

  /** As uPlot takes them: one array a column. */
  columns(width) {
    return Array.from({ length: width }, (_, column) => this.#rows.map((row) => row[column]))
  }

  /** By nearest rank, of the first value; `null` without any. */
  percentile(share, since) {
    const values = this.#rows.filter(([at]) => at >= since).map(([, value]) => value)
    values.sort((a, b) => a - b)
    return values[Math.ceil(values.length * share) - 1] ?? null
  }
}
