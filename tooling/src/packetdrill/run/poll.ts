import type { Clock } from '@tunnel/flow'
import type { Value } from '../script.ts'
import type { Arguments } from './arguments.ts'
import { done, type Attempt, type StreamSocket } from './socket.ts'

interface Pollable {
  readonly accepted: readonly unknown[]
  readonly stream?: StreamSocket
}

/** `poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, timeout)`. Throws an `Error` if a socket is ready in another way than the script says. */
export function polled(values: Arguments, clock: Clock, find: (fd: number) => Pollable): Attempt {
  const items = values.list(0)
  const timeout = values.number(2)
  const until = timeout < 0 ? Number.POSITIVE_INFINITY : clock.now() + timeout
  // So that there is a step of the clock then.
  if (timeout > 0) clock.after(timeout, () => {})
  return () => {
    const ready = items.map((item) => readiness(find(numberOf(values.member(0, 'fd', item))), wordsOf(values.member(0, 'events', item))))
    const count = ready.filter((words) => words.length > 0).length
    if (count === 0 && clock.now() < until) return undefined
    for (const [index, item] of items.entries()) {
      const expected = wordsOf(values.member(0, 'revents', item)).sort().join('|')
      const seen = [...(ready[index] ?? [])].sort().join('|')
      if (expected !== seen) throw new Error(`poll: expected revents ${expected || 0}, found ${seen || 0}`)
    }
    return done(count)
  }
}

function readiness({ accepted, stream }: Pollable, asked: readonly string[]): string[] {
  const ready = (name: string, holds: boolean | undefined): string[] => (holds && asked.includes(name) ? [name] : [])
  return [
    ...ready('POLLIN', accepted.length > 0 || stream?.readable),
    ...ready('POLLOUT', stream?.writable),
    ...ready('POLLRDHUP', stream?.peerEnded),
    ...(stream?.failure ? ['POLLERR', 'POLLHUP'] : []),
  ]
}

function numberOf(value: Value): number {
  if (value.kind !== 'number') throw new Error('poll needs a number for "fd"')
  return value.value
}

function wordsOf(value: Value): string[] {
  return value.kind === 'words' ? [...value.words] : []
}
