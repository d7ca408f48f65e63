import type { TcpRequest } from '@tunnel/flow'

/** A kernel sends nothing when a program ends whose SYN has no answer yet: who knows that it has ended gives its requests up. */
export class PendingRequests {
  readonly #pending = new Set<() => void>()

  /** The same request, which can be given up from here until it is answered. */
  watch(request: TcpRequest): TcpRequest {
    const handlers = new Set<() => void>()
    let abandoned = false
    const abandon = (): void => {
      if (!this.#pending.delete(abandon)) return
      abandoned = true
      for (const handler of handlers) handler()
    }
    this.#pending.add(abandon)
    request.onAbandon(abandon)
    const answered = <Result>(answer: () => Result): Result => {
      this.#pending.delete(abandon)
      return answer()
    }
    const { protocol, from, to } = request
    return {
      protocol, from, to,
      accept: () => answered(() => request.accept()),
      refuse: (reason) => answered(() => request.refuse(reason)),
      onAbandon: (handler) => (abandoned ? handler() : void handlers.add(handler)),
    }
  }

  abandonAll(): void {
    for (const abandon of this.#pending) abandon()
  }
}
