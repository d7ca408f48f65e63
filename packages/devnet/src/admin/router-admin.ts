import { CodedError } from '@tunnel/flow'
import type { Log, Milliseconds } from '@tunnel/flow'
import type { CertificateAuthority } from '../pki/certificate-authority.ts'
import type { RouterStats } from '../router/counters.ts'
import type { Fabric } from '../router/fabric.ts'
import { createFabric } from '../router/fabric.ts'
import type { Router } from '../router/router.ts'
import { createRouter } from '../router/router.ts'
import type { EdgeRouter } from '../state/edge-router.ts'
import { createShortId } from '../state/id.ts'
import type { NetworkState } from '../state/network-state.ts'
import { createRouterAuthority } from '../state/router-authority.ts'

export interface RouterAdminOptions {
  readonly state: NetworkState
  readonly certificates: CertificateAuthority
  readonly names: readonly string[]
  readonly host: string
  readonly hosts: readonly string[]
  readonly log: Log
}

/** The routers of a network by name, with what tests do to them. */
export interface RouterAdmin {
  readonly names: readonly string[]
  kill(name: string): void
  start(name: string): Promise<void>
  freeze(name: string): void
  resume(name: string): void
  delay(name: string, delay: Milliseconds): void
  /** Closes the channels of an identity (by id) on all routers; returns how many. */
  dropIdentity(identityId: string): number
  dropRouter(name: string): number
  has(name: string): boolean
  stats(name: string): RouterStats
  cutLink(left: string, right: string): void
  mendLink(left: string, right: string): void
  delayLink(left: string, right: string, delay: Milliseconds): void
  /** The next `count` dials of a service (by name; any without) fail with this text. */
  refuseDials(refusal: DialRefusal): void
  close(): Promise<void>
}

export interface DialRefusal {
  readonly count: number
  readonly service?: string
  /** What the router says: `failed to dial`. */
  readonly text?: string
}

interface Entry {
  readonly router: Router
  readonly record: EdgeRouter
}

/** Routers that listen. */
export async function startRouters(options: RouterAdminOptions): Promise<RouterAdmin> {
  const fabric = createFabric()
  const refusals = createDialRefusals()
  const entries = await Promise.all(options.names.map((name) => startRouter(name, options, fabric, refusals)))
  return createAdmin(new Map(entries.map((entry) => [entry.record.name, entry])), options, fabric, refusals)
}

async function startRouter(name: string, options: RouterAdminOptions, fabric: Fabric, refusals: DialRefusals): Promise<Entry> {
  const { state, certificates, host, hosts, log } = options
  const id = createShortId()
  const certificate = await certificates.issueServer({ name, hosts, spiffe: `router/${id}` })
  const router = createRouter({
    id, name, host, port: 0, fabric, log,
    authority: createRouterAuthority(state),
    tls: { cert: certificate.chainPem, key: certificate.keyPem, ca: certificates.bundlePem },
    faults: { refuseConnect: (service) => refusals.take(service.name) },
  })
  const { port } = await router.start()
  const record: EdgeRouter = { id, name, createdAt: state.now(), updatedAt: state.now(), host, port, online: true }
  return { router, record }
}

function createAdmin(entries: ReadonlyMap<string, Entry>, { state }: RouterAdminOptions, fabric: Fabric, refusals: DialRefusals): RouterAdmin {
  // In the order of the names: the first is the one that hosts by default.
  for (const { record } of entries.values()) state.routers.set(record.id, record)
  const entryOf = (name: string) => {
    const entry = entries.get(name)
    if (entry === undefined) throw new CodedError('devnet.unknown-router', `no router is named ${name}: this network has ${[...entries.keys()].join(', ')}`)
    return entry
  }
  const routerOf = (name: string) => entryOf(name).router
  const idOf = (name: string) => entryOf(name).record.id
  return {
    names: [...entries.keys()],
    kill(name) {
      const { router, record } = entryOf(name)
      record.online = false
      router.kill()
    },
    async start(name) {
      const { router, record } = entryOf(name)
      if (record.online) return
      await router.start()
      record.online = true
    },
    freeze: (name) => routerOf(name).freeze(),
    resume: (name) => routerOf(name).resume(),
    delay: (name, delay) => routerOf(name).delay(delay),
    dropIdentity: (identityId) =>
      [...entries.values()].reduce((count, { router }) => count + router.dropChannels((session) => session?.identityId === identityId), 0),
    dropRouter: (name) => routerOf(name).dropChannels(),
    has: (name) => entries.has(name),
    stats: (name) => routerOf(name).stats(),
    cutLink: (left, right) => fabric.cutLink(idOf(left), idOf(right)),
    mendLink: (left, right) => fabric.mendLink(idOf(left), idOf(right)),
    delayLink: (left, right, delay) => fabric.delayLink(idOf(left), idOf(right), delay),
    refuseDials: (refusal) => refusals.add(refusal),
    async close() {
      for (const { router } of entries.values()) router.kill()
    },
  }
}

interface DialRefusals {
  add(refusal: DialRefusal): void
  take(service: string): string | undefined
}

function createDialRefusals(): DialRefusals {
  const refusals: { left: number; service: string | undefined; text: string }[] = []
  return {
    add({ count, service, text = 'failed to dial' }) { refusals.push({ left: count, service, text }) },
    take(service) {
      const refusal = refusals.find((one) => one.left > 0 && (one.service === undefined || one.service === service))
      if (refusal === undefined) return undefined
      refusal.left--
      if (refusal.left === 0) refusals.splice(refusals.indexOf(refusal), 1)
      return refusal.text
    },
  }
}
