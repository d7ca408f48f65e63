import { duplexPair } from 'node:stream'
import { ContentType, encodeString, HeaderId } from '@tunnel/edge/wire'
import type { Clock } from '@tunnel/flow'
import type { ApiSession, RouterAuthority, ServiceSession, Terminator } from '../authority.ts'
import { createFabric, type Fabric } from '../fabric.ts'
import type { FabricFaults, RouterFaults } from '../router-faults.ts'
import { createRouter, type Router, type RouterOptions } from '../router.ts'
import { SdkPeer } from './sdk-peer.ts'

export interface TestNetwork {
  readonly fabric: Fabric
  readonly authority: RouterAuthority
  readonly terminators: Terminator[]
  /** Ends it as a logout does. */
  endApiSession(id: string): void
  endServiceSession(id: string): void
  setExpiry(token: string, expiresAt: number): void
  router(id?: string, options?: Partial<RouterOptions>): Router
  /** An SDK with an open channel; its token is `<identity>-token`. */
  sdk(router: Router, identity?: string): Promise<SdkPeer>
  /** The same before its hello. */
  stream(router: Router, identity?: string): SdkPeer
  target(serviceId: string, target: NonNullable<Terminator['target']>, routerId?: string): void
}

export interface TestNetworkOptions {
  readonly clock?: Clock
  readonly windowBytes?: number
  readonly faults?: RouterFaults
  readonly fabricFaults?: FabricFaults
}

const identities = ['alice', 'bob', 'host']
const services = ['echo', 'secret']
const noTls = { cert: '', key: '', ca: '' }

const listen = <Item>(set: Set<Item>, item: Item): (() => void) => {
  set.add(item)
  return () => set.delete(item)
}

/** What the tests change behind the authority's back. */
class TestState {
  readonly terminators: Terminator[] = []
  readonly expiries = new Map<string, number>()
  readonly ended = new Set<string>()
  readonly apiListeners = new Set<(id: string) => void>()
  readonly serviceListeners = new Set<(id: string) => void>()
}

const createTestAuthority = ({ terminators, expiries, ended, apiListeners, serviceListeners }: TestState): RouterAuthority => ({
  checkApiSession(token, certificate): ApiSession | 'unknown' | 'foreign' {
    const name = identities.find((identity) => token === `${identity}-token` || token === `${identity}-next`)
    if (name === undefined || ended.has(`api-${name}`)) return 'unknown'
    // A real certificate is anybody's; streams in memory show their name.
    if (certificate.length < 100 && Buffer.from(certificate).toString() !== name) return 'foreign'
    const expiresAt = expiries.get(token)
    const kind = expiresAt === undefined ? 'legacy' : 'oidc'
    return { id: `api-${name}`, identityId: `id-${name}`, identityName: name, kind, ...(expiresAt !== undefined && { expiresAt }) }
  },
  checkServiceSession(token, session): ServiceSession | undefined {
    const [type, serviceId] = token.split(':')
    if ((type !== 'Dial' && type !== 'Bind') || serviceId === undefined) return undefined
    return { id: `${session.id}-${token}`, token, serviceId, type }
  },
  service: (id) => (services.includes(id) ? { id, name: `the ${id} service`, encryptionRequired: id === 'secret' } : undefined),
  terminators: {
    add: (terminator) => void terminators.push(terminator),
    remove(id) {
      const at = terminators.findIndex((terminator) => terminator.id === id)
      if (at >= 0) terminators.splice(at, 1)
    },
    list: (serviceId) => terminators.filter((terminator) => terminator.serviceId === serviceId),
  },
  onApiSessionEnded: (listener) => listen(apiListeners, listener),
  onServiceSessionEnded: (listener) => listen(serviceListeners, listener),
})

/**
 * Routers without a controller: identities alice, bob and host, services echo and secret (encrypted), and any service
 * session whose token is `Dial:<service>` or `Bind:<service>`.
 */
export function createTestNetwork({ clock, windowBytes, faults, fabricFaults }: TestNetworkOptions = {}): TestNetwork {
  const state = new TestState()
  const authority = createTestAuthority(state)
  const fabric = createFabric({
    ...(clock && { clock }),
    ...(windowBytes !== undefined && { windowBytes }),
    ...(fabricFaults && { faults: fabricFaults }),
  })
  const stream = (router: Router, identity = 'alice'): SdkPeer => {
    const [ours, theirs] = duplexPair()
    router.acceptStream(theirs, { clientCertificate: encodeString(identity) })
    return new SdkPeer(ours)
  }
  return {
    fabric,
    authority,
    terminators: state.terminators,
    endApiSession(id) {
      state.ended.add(id)
      for (const listener of [...state.apiListeners]) listener(id)
    },
    endServiceSession: (id) => [...state.serviceListeners].forEach((listener) => listener(id)),
    setExpiry: (token, expiresAt) => void state.expiries.set(token, expiresAt),
    router: (id = 'r1', options = {}) =>
      createRouter({
        authority, fabric, id, name: id, host: '127.0.0.1', port: 0, tls: noTls,
        ...(clock && { clock }), ...(faults && { faults }), ...options,
      }),
    stream,
    async sdk(router, identity = 'alice') {
      const peer = stream(router, identity)
      peer.says(ContentType.Hello, [[HeaderId.SessionToken, encodeString(`${identity}-token`)]], 'test', -1)
      await peer.hears(ContentType.Result)
      return peer
    },
    target: (serviceId, target, routerId = 'r1') =>
      void state.terminators.push({ id: `${routerId}-${target.port}`, serviceId, routerId, instance: '', cost: 0, precedence: 0, kind: 'router', target }),
  }
}
