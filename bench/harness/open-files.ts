import { UsageError } from './arguments.ts'

/** Files of a process that are no clients' sockets. */
const OWN_FILES = 100

/**
 * Node raises its limit as far as it may go; each client's socket is an open file.
 *
 * @throws UsageError if so many clients do not fit into one process
 */
export function checkOpenFiles(clients: number): void {
  const needed = clients + OWN_FILES
  const { userLimits } = process.report.getReport() as unknown as {
    readonly userLimits: { readonly open_files: { readonly hard: number | 'unlimited' } }
  }
  const { hard } = userLimits.open_files
  if (hard === 'unlimited' || hard >= needed) return
  throw new UsageError(
    `--clients: ${clients} need ${needed} open files; allowed: ${hard} (ulimit -Hn)`,
  )
}
