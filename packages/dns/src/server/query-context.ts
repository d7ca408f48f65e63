import type { Endpoint } from '@tunnel/flow'
import { flag } from '../message/header.ts'
import type { Query } from '../message/query-reader.ts'
import type { ResolveContext } from '../resolve/resolver.ts'

/** What surrounds one question. The common resolver asks for nothing of it, so nothing is made before it is asked for. */
export class QueryContext implements ResolveContext {
  readonly transport: 'udp' | 'tcp' | 'direct'
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  readonly dnssecOk: boolean
  #client: Endpoint | undefined
  #isOwnClient = false
  #abort: AbortController | undefined
  #aborted = false

  /** `client` may be borrowed: it is copied when somebody looks at it, or when `keep` is called. */
  constructor(transport: ResolveContext['transport'], query: Pick<Query, 'flags' | 'dnssecOk'>, client?: Endpoint) {
    this.transport = transport
    this.recursionDesired = (query.flags & flag.recursionDesired) !== 0
    this.checkingDisabled = (query.flags & flag.checkingDisabled) !== 0
    this.dnssecOk = query.dnssecOk
    this.#client = client
  }

  get client(): Endpoint | undefined {
    this.keep()
    return this.#client
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#aborted) this.#abort.abort()
    return this.#abort.signal
  }

  /** The answer comes later: what was borrowed is copied. */
  keep(): void {
    if (this.#isOwnClient || !this.#client) return
    this.#client = { address: this.#client.address, port: this.#client.port }
    this.#isOwnClient = true
  }

  abort(): void {
    this.#aborted = true
    this.#abort?.abort()
  }
}
