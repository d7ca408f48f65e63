import type { LogLevel } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createControllerSession, type ControllerSessionOptions } from './controller-session.ts'
import { advance, eventually } from './testing/settle.ts'
import { createStubController } from './testing/stub-controller.ts'
import { createStubNetwork } from './testing/stub-network.ts'
import { createTestPki, type TestPki } from './testing/test-pki.ts'

let pki: TestPki
const open: (() => unknown)[] = []
beforeAll(async () => {
  pki = await createTestPki()
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function scene(options: Partial<ControllerSessionOptions> = {}) {
  const network = createStubNetwork()
  const stub = await createStubController(pki, (request) => network.handler(request))
  const clock = createVirtualClock()
  const logged: [LogLevel, string][] = []
  const { cert, key } = await pki.issue('client1')
  const session = createControllerSession({
    controllers: [stub.origin], credentials: { ca: pki.ca, cert, key }, clock, random: () => 0.5,
    log: (level, _source, message) => logged.push([level, message]), ...options,
  })
  open.push(() => session.stop(), () => stub.close())
  const service = (name: string) => session.services.named.get(name)!.id
  return { network, stub, clock, session, logged, service }
}

describe('the control plane of an identity', () => {
  it.each(['oidc', 'legacy'] as const)('starts with a %s login, the identity and its services', async (auth) => {
    const { session, network } = await scene({ auth })
    await session.start()
    expect(session.current().kind).toBe(auth)
    expect(session.identity()).toMatchObject({ id: 'BVgLd7EDp', name: 'client1' })
    expect(session.services.services.size).toBe(network.services.length)
    expect(await session.identityRouters()).toMatchObject([{ host: '192.0.2.1', port: 3022 }])
  })

  it('knows nothing before', async () => {
    const { session } = await scene()
    expect(() => session.current()).toThrow(expect.objectContaining({ code: 'overlay.not-started' }))
    expect(() => session.identity()).toThrow(expect.objectContaining({ code: 'overlay.not-started' }))
  })

  it('gives service sessions, which a new login voids', async () => {
    const { session, network, service, clock } = await scene()
    await session.start()
    const first = await session.sessions.dial(service('echo'))
    expect(first).toMatchObject({ token: 'session-1', type: 'Dial', routers: [{ url: 'tls://192.0.2.1:3022' }] })
    expect(await session.sessions.dial(service('echo'))).toBe(first)
    await advance(clock, 10_000)
    network.tokens.clear()
    await session.tokenRefused(session.current())
    expect((await session.sessions.dial(service('echo'))).token).toBe('session-2')
  })

  it('keeps service sessions through a refresh, and tells the routers\' side of the new token', async () => {
    const { session, service, clock } = await scene({ pollInterval: 10_000_000 })
    await session.start()
    const first = await session.sessions.dial(service('echo'))
    const told: string[] = []
    session.onToken((fresh, change) => told.push(`${change} ${fresh === session.current()}`))
    await advance(clock, 1_200_001)
    await eventually(() => told).toEqual(['refreshed true'])
    expect(await session.sessions.dial(service('echo'))).toBe(first)
  })

  it('reads the services when one is missing, and drops its session', async () => {
    const { session, network, service, clock } = await scene()
    await session.start()
    const id = service('echo')
    const removed: string[] = []
    session.services.watch(({ kind, service }) => kind === 'removed' && removed.push(service.name))
    await session.sessions.dial(id)
    session.sessions.invalidate(await session.sessions.dial(id))
    network.services = network.services.filter((entry) => entry['id'] !== id)
    network.lastChangeAt = 'later'
    await expect(session.sessions.dial(id)).rejects.toMatchObject({ code: 'dial.no-service' })
    await eventually(() => removed).toEqual(['echo'])
    expect(clock.now()).toBe(0)
  })

  it('goes on while the controller is away, and recovers', async () => {
    const { session, network, clock, logged, service } = await scene()
    await session.start()
    network.intercept = () => 'drop'
    await advance(clock, 15_000)
    await eventually(() => logged.map(([level]) => level)).toContain('warn')
    expect(session.services.named.get('echo')).toBeDefined()
    network.intercept = () => undefined
    await eventually(() => clock.pending).toBe(2)
    await advance(clock, 15_000)
    await eventually(() => logged.at(-1)?.[1]).toContain('works again')
    expect(await session.sessions.dial(service('echo'))).toMatchObject({ token: 'session-1' })
  })

  it('starts when the controller comes at last', async () => {
    const { session, network, clock, logged } = await scene()
    network.intercept = () => ({ status: 503 })
    const started = session.start()
    await eventually(() => logged.length).toBe(1)
    network.intercept = () => undefined
    await advance(clock, 5000)
    await started
    expect(session.services.services.size).toBeGreaterThan(0)
  })

  it('stops in the middle of a start, and leaves no timer', async () => {
    const { session, network, clock, logged } = await scene()
    network.intercept = ({ path }) => (path.endsWith('/current-identity') ? { status: 503 } : undefined)
    const started = expect(session.start()).rejects.toMatchObject({ code: 'overlay.closed' })
    await eventually(() => logged.length).toBe(1)
    await session.stop()
    await started
    await advance(clock, 120_000)
    expect(clock.pending).toBe(0)
  })

  it('that was stopped does not start', async () => {
    const { session, stub } = await scene()
    await session.stop()
    await expect(session.start()).rejects.toMatchObject({ code: 'overlay.closed' })
    expect(stub.connections).toBe(0)
  })

  it('logs a legacy session out when it stops', async () => {
    const { session, network } = await scene({ auth: 'legacy' })
    await session.start()
    await session.stop()
    expect(network.tokens.size).toBe(0)
    await expect(session.sessions.dial('x')).rejects.toMatchObject({ code: 'overlay.closed' })
  })
})
