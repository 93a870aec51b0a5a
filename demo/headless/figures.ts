/** Arithmetic on measurements, and how they are written. */

/** `null` where nothing was measured. */
export interface Percentiles {
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** By nearest rank. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number | null => sorted[Math.ceil(sorted.length * share) - 1] ?? null
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? null }
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10
}

/** Rows of cells with aligned columns: the first to the left, the others to the right. */
export function table(rows: ReadonlyArray<readonly string[]>): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  '),
    )
    .join('\n')
}
