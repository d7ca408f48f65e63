import type { Service } from '@tunnel/config'
import type { Flow } from '@tunnel/flow'
import { expect } from 'vitest'
import type { BindOptions, Binding, IncomingCall, Overlay } from '../contracts/overlay.ts'
import { deferred } from './deferred.ts'

/** Two identities on one network, and what the suite may do to it. */
export interface OverlayFixture {
  readonly dialer: Overlay
  readonly host: Overlay
  /** Names of services that exist from the start, that `dialer` may dial and `host` may bind. Nobody else hosts them. */
  readonly services: {
    readonly plain: string
    /** With end-to-end encryption. */
    readonly encrypted: string
    /** For datagrams; `plain` where any service will do. */
    readonly udp: string
  }
  /** Largest datagram that arrives whole. Default 65,507 bytes. */
  readonly largestDatagramBytes?: number
  /** Most bytes that a sender may get rid of while the receiver does not read. Default 32 MiB. */
  readonly inFlightBytes?: number
  /** A service as those above. Both identities learn of it in their own time. */
  addService(name: string): Promise<void>
  removeService(name: string): Promise<void>
  close(): Promise<void>
}

/** The service, as soon as this identity knows it. */
export async function serviceOf(overlay: Overlay, name: string): Promise<Service> {
  await expect.poll(() => overlay.services.get(name), { timeout: 8_000, interval: 5 }).toBeDefined()
  return overlay.services.get(name)!
}

/** A connection between the two identities, both ends in hand. */
export interface Connected {
  readonly client: Flow
  readonly server: Flow
  readonly call: IncomingCall
}

export async function bindTo(
  fixture: OverlayFixture,
  name: string,
  accept: (call: IncomingCall) => void,
  options: BindOptions = {},
): Promise<Binding> {
  const binding = await fixture.host.bind(await serviceOf(fixture.host, name), options, accept)
  await binding.ready
  return binding
}

/** Binds, dials, accepts, and withdraws the binding again: flows outlive it. */
export async function connectOn(fixture: OverlayFixture, name: string): Promise<Connected> {
  const accepted = deferred<{ server: Flow; call: IncomingCall }>()
  const binding = await bindTo(fixture, name, (call) => accepted.resolve({ server: call.accept(), call }))
  const client = await fixture.dialer.dial(await serviceOf(fixture.dialer, name), { protocol: 'tcp' })
  const { server, call } = await accepted.promise
  await binding.close()
  return { client, server, call }
}
