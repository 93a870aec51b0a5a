import { systemClock } from '../../lib/base/clock.ts'
import { Classifier, type ClassifierOptions } from '../../lib/classify/classifier.ts'
import { CompiledMessages } from '../../lib/classify/compiled-messages.ts'
import type { MessageMap, NamespaceMap } from '../../schemas/events.ts'
import type { Fixture } from './servers/server.ts'

/** A classifier and what it reported. */
export function makeClassifier(
  messages: MessageMap,
  options: Partial<ClassifierOptions> = {},
  namespaces: NamespaceMap = {},
) {
  const invalid: Array<{ namespace: string; event: string; issues: readonly string[] }> = []
  const faults: Array<{ where: string; error: Error }> = []
  const classifier = new Classifier({
    messages: new CompiledMessages(messages, namespaces),
    validate: 'report',
    onInvalid: (report) => invalid.push(report),
    onFault: (where, error) => faults.push({ where, error }),
    clock: systemClock,
    ...options,
  })
  return {
    classifier,
    invalid,
    faults,
    /** Classifies an event packet. */
    event(name: unknown, args: unknown[], nsp = '/') {
      const data = [name, ...args]
      return classifier.classify({ type: 2, nsp, data }, ['2[]'], 7, classifier.judge(nsp, data))
    },
  }
}

/** What was sent during a call, as it was counted: `namespace event class`, once a delivery. */
export async function classesOf({ spillway }: Fixture, emit: () => unknown): Promise<string[]> {
  const before = spillway!.stats().events.map(({ sent }) => sent.messages)
  await emit()
  return spillway!
    .stats()
    .events.flatMap(({ namespace, event, class: name, sent }, index) =>
      Array.from<string>({ length: sent.messages - before[index]! }).fill(
        `${namespace} ${event} ${name}`,
      ),
    )
}
