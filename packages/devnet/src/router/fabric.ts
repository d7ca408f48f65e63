import { systemClock, type Cancel, type Clock, type Milliseconds } from '@tunnel/flow'
import type { Terminator } from './authority.ts'
import { Circuit } from './circuit.ts'
import { startDial, type Choice, type OpenedHost } from './dial.ts'
import type { CircuitAnswer, CircuitRequest, FabricRouter } from './fabric-router.ts'
import { createId } from './identifier.ts'
import { Links } from './links.ts'
import { refusal } from './refusal.ts'
import type { FabricFaults } from './router-faults.ts'
import { routerLimits } from './router-timing.ts'
import { chooseTerminator } from './terminator-choice.ts'

export interface FabricOptions {
  readonly clock?: Clock
  readonly faults?: FabricFaults
  /** Bytes of one direction of a circuit that may wait between its ends; 4 MiB. */
  readonly windowBytes?: number
}

export interface FabricStats {
  readonly circuits: number
  readonly routers: number
}

/** What joins the routers of one network: circuits begin at one and end at the same or another. */
export interface Fabric {
  /** Circuits over it end, with nothing more delivered; new ones take other terminators, or fail. */
  cutLink(left: string, right: string): void
  mendLink(left: string, right: string): void
  /** One way; both ways have it. */
  delayLink(left: string, right: string, milliseconds: Milliseconds): void
  stats(): FabricStats
  /** For routers: takes part until the returned function is called, which ends its circuits. */
  join(router: FabricRouter): () => void
  /** For routers: a circuit from `request.end`. The returned function forgets the wish; no answer comes after it. */
  dial(request: CircuitRequest, answer: CircuitAnswer): Cancel
}

interface RunningCircuit {
  readonly circuit: Circuit
  readonly from: string
  readonly to: string
  readonly terminatorId: string
}

export function createFabric(options: FabricOptions = {}): Fabric {
  return new CircuitFabric(options)
}

class CircuitFabric implements Fabric {
  readonly #clock: Clock
  readonly #faults: FabricFaults
  readonly #windowBytes: number
  readonly #routers = new Map<string, FabricRouter>()
  readonly #circuits = new Map<string, RunningCircuit>()
  readonly #load = new Map<string, number>()
  readonly #links = new Links()

  constructor({ clock = systemClock, faults = {}, windowBytes = routerLimits.windowBytes }: FabricOptions) {
    this.#clock = clock
    this.#faults = faults
    this.#windowBytes = windowBytes
  }

  cutLink(left: string, right: string): void {
    this.#links.cut(left, right)
    this.#cutWhere(({ from, to }) => !this.#links.joined(from, to))
  }

  mendLink(left: string, right: string): void {
    this.#links.mend(left, right)
  }

  delayLink(left: string, right: string, milliseconds: Milliseconds): void {
    this.#links.delay(left, right, milliseconds)
  }

  stats(): FabricStats {
    return { circuits: this.#circuits.size, routers: this.#routers.size }
  }

  join(router: FabricRouter): () => void {
    this.#routers.set(router.id, router)
    return () => {
      if (this.#routers.get(router.id) === router) this.#routers.delete(router.id)
      this.#cutWhere(({ from, to }) => from === router.id || to === router.id)
    }
  }

  dial(request: CircuitRequest, answer: CircuitAnswer): Cancel {
    const circuitId = createId(9)
    return startDial({
      circuitId,
      request,
      clock: this.#clock,
      choose: (tried) => this.#choose(request, tried),
      delay: (routerId) => this.#links.delayOf(request.routerId, routerId),
      silent: (terminatorId) => this.#faults.silentHost?.(terminatorId) ?? false,
      opened: (host) => this.#connect(circuitId, request, host, answer),
      refused: (text) => answer.refused(text, circuitId),
    })
  }

  #cutWhere(lost: (running: RunningCircuit) => boolean): void {
    for (const running of [...this.#circuits.values()]) if (lost(running)) running.circuit.cut()
  }

  #choose(request: CircuitRequest, tried: ReadonlySet<string>): Choice | string {
    const { routerId, service, instance } = request
    const online = (terminator: Terminator): boolean =>
      this.#routers.has(terminator.routerId) && this.#links.joined(routerId, terminator.routerId)
    const terminator = chooseTerminator(request.terminators.list(service.id), instance, (candidate) => ({
      online: online(candidate),
      circuits: this.#load.get(candidate.id) ?? 0,
      tried: tried.has(candidate.id),
    }))
    if (terminator === 'none') return refusal.noTerminators(service.id, instance)
    const router = terminator === 'offline' ? undefined : this.#routers.get(terminator.routerId)
    if (terminator === 'offline' || router === undefined) return refusal.noOnlineTerminators(service.id, instance)
    return { terminator, router }
  }

  #connect(id: string, request: CircuitRequest, host: OpenedHost, answer: CircuitAnswer): void {
    const from = request.routerId
    const to = host.terminator.routerId
    const terminatorId = host.terminator.id
    if (request.end.closed) return host.end.close()
    if (host.end.closed) return answer.refused(refusal.hostGone, id)
    if (request.service.encryptionRequired && host.publicKey === undefined) {
      host.end.close()
      return answer.refused(refusal.noHostKey, id)
    }
    const circuit = new Circuit({
      id,
      dialer: request.end,
      host: host.end,
      clock: this.#clock,
      windowBytes: this.#windowBytes,
      delay: () => this.#links.delayOf(from, to),
      ended: () => {
        this.#circuits.delete(id)
        this.#count(terminatorId, -1)
        answer.ended()
      },
    })
    this.#circuits.set(id, { circuit, from, to, terminatorId })
    this.#count(terminatorId, 1)
    answer.connected(id, host.publicKey, host.attempt)
    if (this.#links.joined(from, to)) circuit.start()
    else circuit.cut()
  }

  #count(terminatorId: string, change: number): void {
    const circuits = (this.#load.get(terminatorId) ?? 0) + change
    if (circuits > 0) this.#load.set(terminatorId, circuits)
    else this.#load.delete(terminatorId)
  }
}
