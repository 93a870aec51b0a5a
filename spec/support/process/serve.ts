/** What a child process can be asked, by name. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>

export interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }

/** Answers the parent process, and ends with it. */
export function serve(handlers: Handlers): void {
  process.on('message', (question: Question) => {
    answer(handlers, question).then((sent) => process.send?.(sent))
  })
  process.on('disconnect', () => process.exit())
}

async function answer(handlers: Handlers, { id, name, argument }: Question): Promise<Answer> {
  try {
    return { id, result: await handlers[name]!(argument as never) }
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
