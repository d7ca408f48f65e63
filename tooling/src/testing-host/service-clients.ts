import { CodedError, type Flow } from '@tunnel/flow'
import { connectFlow } from '@tunnel/flow/node'
import { ip } from './own-network.ts'

const hosts: Readonly<Record<string, number>> = { one: 1, two: 2, good: 3, bad: 4 }

/** What the addresses of services are out of. */
export const serviceRanges = ['203.0.113.0/24', 'fd00:77::/64']
export const servicePort = 4711

/** The address of a service that the compliance suite of interceptors names. */
export const serviceAddress = (family: 4 | 6, service: string): string => `${family === 4 ? '203.0.113.' : 'fd00:77::'}${hosts[service]}`

/** Programs of this host that connect to those services. */
export class ServiceClients {
  readonly #family: 4 | 6
  readonly #flows: Flow[] = []
  readonly #broken = new Set<string>()

  constructor(family: 4 | 6) {
    this.#family = family
  }

  /** No interceptor takes an address that the host itself has. */
  setBroken(service: string, breaks: boolean): void {
    if (breaks === this.#broken.has(service)) return
    ip(`${this.#family === 6 ? '-6 ' : ''}addr ${breaks ? 'add' : 'del'} ${serviceAddress(this.#family, service)} dev lo`)
    if (breaks) this.#broken.add(service)
    else this.#broken.delete(service)
  }

  /** `signal` makes the program go away, also before it is answered. */
  async connect(service: string, signal?: AbortSignal): Promise<Flow> {
    const flow = await connectFlow({ host: serviceAddress(this.#family, service), port: servicePort, ...(signal && { signal }) })
    this.#flows.push(flow)
    signal?.addEventListener('abort', () => flow.reset(new CodedError('test.gone', 'the client goes away')))
    return flow
  }

  close(): void {
    for (const flow of this.#flows) flow.reset(new CodedError('test.over', 'the test is over'))
    for (const service of [...this.#broken]) this.setBroken(service, false)
  }
}

/** Flows of a closed interceptor have their time. `step` lets some pass, where that is virtual. */
export async function untilNothingLingers(interceptor: { readonly stats: { readonly lingeringFlows: number } }, step: () => void = () => {}): Promise<void> {
  for (let turn = 0; interceptor.stats.lingeringFlows > 0; turn++) {
    if (turn === 400) throw new Error('flows linger')
    await new Promise((resolve) => setTimeout(resolve, 5))
    step()
  }
}
