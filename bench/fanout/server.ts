import { serve } from '../../spec/support/process/serve.ts'
import { settledMemory } from '../harness/settled-memory.ts'
import { type Broadcaster, type Load, type Measured, measure } from './measure.ts'
import { type NodeSubject, start } from './subjects.ts'

/** A server on Node, alone in its process. */

let subject: Broadcaster | undefined

const handlers = {
  async open({ name, bytes }: { name: NodeSubject; bytes: number }): Promise<number> {
    subject = await start[name](bytes)
    return subject.port
  },
  measure: (load: Load): Promise<Measured> => measure(subject!, load),
  memory: settledMemory,
}
export type ServerHandlers = typeof handlers

serve(handlers)
