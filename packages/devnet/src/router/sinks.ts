import type { Bind } from './bind.ts'
import type { Connection } from './connection.ts'
import { refusal } from './refusal.ts'
import { firstRouterConnectionId, routerLimits } from './router-timing.ts'

export type Sink = Connection | Bind

const idSpace = 0x1_00_00_00_00

/** What the connection ids of one channel stand for: binds and connections share them (protocol section 4.1). */
export class Sinks {
  readonly #sinks = new Map<number, Sink>()
  #binds = 0
  #nextId = firstRouterConnectionId

  get(id: number): Sink | undefined {
    return this.#sinks.get(id)
  }

  all(): Sink[] {
    return [...this.#sinks.values()]
  }

  /** The text of the refusal, or `undefined` when it was added. */
  add(sink: Sink): string | undefined {
    if (this.#sinks.has(sink.id)) return refusal.idInUse(sink.id)
    if (this.#sinks.size >= routerLimits.connectionsPerChannel) return refusal.tooMany
    if (sink.kind === 'bind' && this.#binds >= routerLimits.bindsPerChannel) return refusal.tooMany
    this.#sinks.set(sink.id, sink)
    if (sink.kind === 'bind') this.#binds += 1
    return undefined
  }

  remove(sink: Sink): void {
    if (this.#sinks.get(sink.id) !== sink) return
    this.#sinks.delete(sink.id)
    if (sink.kind === 'bind') this.#binds -= 1
  }

  /** For an incoming connection; an SDK may have taken some of these ids for itself. */
  createId(): number {
    let id = this.#nextId
    while (this.#sinks.has(id)) id = id + 1 === idSpace ? firstRouterConnectionId : id + 1
    this.#nextId = id + 1 === idSpace ? firstRouterConnectionId : id + 1
    return id
  }
}
