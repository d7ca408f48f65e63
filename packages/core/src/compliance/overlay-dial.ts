import { CodedError } from '@tunnel/flow'
import { expect, it } from 'vitest'
import type { IncomingCall } from '../contracts/overlay.ts'
import { collect } from './collector.ts'
import { bindTo, connectOn, serviceOf } from './overlay-fixture.ts'
import type { OverlayFixture } from './overlay-fixture.ts'
import { codeOf } from './code-of.ts'

export function dialTests(fixture: () => OverlayFixture): void {
  const dial = async (name: string, request: { identity?: string; timeout?: number } = {}, signal?: AbortSignal) => {
    const { dialer } = fixture()
    return dialer.dial(await serviceOf(dialer, name), { protocol: 'tcp', ...request }, signal)
  }
  const end = (flow: Parameters<typeof collect>[0]): void => {
    collect(flow)
    flow.reset(new CodedError('flow.reset', 'the test is over'))
  }

  it('brings AppData and the name of the caller to the host', async () => {
    const { dialer, services } = fixture()
    const calls: IncomingCall[] = []
    const binding = await bindTo(fixture(), services.plain, (call) => {
      calls.push(call)
      end(call.accept())
    })
    const appData = { dst_hostname: 'db.corp.ziti', dst_port: '5432', 'odd ü "name"': '{}' }
    end(await dialer.dial(await serviceOf(dialer, services.plain), { protocol: 'tcp', appData }))
    expect(calls[0]).toMatchObject({ service: services.plain, appData })
    expect(calls[0]?.callerId ?? calls[0]?.dialerIdentityName).toBe(dialer.identity.name)
    await binding.close()
  })

  it('tells the service and a circuit id in the info of both ends', async () => {
    const { client, server } = await connectOn(fixture(), fixture().services.plain)
    expect(client.info).toMatchObject({ protocol: 'tcp', service: fixture().services.plain })
    expect(client.info.circuitId).toBeTruthy()
    expect(server.info.circuitId).toBe(client.info.circuitId)
    end(client)
    end(server)
  })

  it('rejects with dial.refused and the reason of the host', async () => {
    const binding = await bindTo(fixture(), fixture().services.plain, (call) => call.refuse('closed on Sundays'))
    const attempt = dial(fixture().services.plain)
    expect(await codeOf(attempt)).toBe('dial.refused')
    await expect(attempt).rejects.toThrow('closed on Sundays')
    await binding.close()
  })

  it('rejects with dial.no-terminator when nobody hosts', async () => {
    await fixture().addService('hosted-by-nobody')
    expect(await codeOf(dial('hosted-by-nobody'))).toBe('dial.no-terminator')
    await fixture().removeService('hosted-by-nobody')
  })

  it('takes no calls after a binding was closed', async () => {
    await fixture().addService('hosted-once')
    const binding = await bindTo(fixture(), 'hosted-once', (call) => end(call.accept()))
    end(await dial('hosted-once'))
    await binding.close()
    expect(binding.established).toBe(0)
    await expect.poll(() => codeOf(dial('hosted-once')), { timeout: 5_000 }).toBe('dial.no-terminator')
    await fixture().removeService('hosted-once')
  })

  it('reaches the named instance, and no other', async () => {
    const heard: string[] = []
    const instance = (identity: string) =>
      bindTo(fixture(), fixture().services.plain, (call) => (heard.push(identity), call.refuse(`here is ${identity}`)), { identity })
    const bindings = [await instance('one'), await instance('two')]
    await expect(dial(fixture().services.plain, { identity: 'two' })).rejects.toThrow('here is two')
    await expect(dial(fixture().services.plain, { identity: 'one' })).rejects.toThrow('here is one')
    expect(await codeOf(dial(fixture().services.plain, { identity: 'three' }))).toBe('dial.no-terminator')
    // A refused dial may be tried again by the network (protocol section 11.1).
    expect(new Set(heard)).toEqual(new Set(['one', 'two']))
    await Promise.all(bindings.map((binding) => binding.close()))
  })

  it('gives up in time when the host does not answer', async () => {
    const calls: IncomingCall[] = []
    const binding = await bindTo(fixture(), fixture().services.plain, (call) => calls.push(call))
    const began = performance.now()
    expect(await codeOf(dial(fixture().services.plain, { timeout: 300 }))).toBe('dial.timeout')
    expect(performance.now() - began).toBeLessThan(2_000)
    for (const call of calls) call.refuse('too late')
    await binding.close()
  })

  it('stops a dial whose signal aborts, before and during it', async () => {
    const calls: IncomingCall[] = []
    const binding = await bindTo(fixture(), fixture().services.plain, (call) => calls.push(call))
    const abort = new AbortController()
    const attempt = dial(fixture().services.plain, {}, abort.signal)
    await expect.poll(() => calls.length, { interval: 5 }).toBeGreaterThan(0)
    abort.abort()
    expect(await codeOf(attempt)).toBe('dial.aborted')
    expect(await codeOf(dial(fixture().services.plain, {}, abort.signal))).toBe('dial.aborted')
    for (const call of calls) call.refuse('too late')
    await binding.close()
  })

  it('ends a flow that the host accepts after the dialer has given up', async () => {
    const calls: IncomingCall[] = []
    const binding = await bindTo(fixture(), fixture().services.plain, (call) => calls.push(call))
    await codeOf(dial(fixture().services.plain, { timeout: 100 }))
    const late = calls[0]!.accept()
    const heard = collect(late)
    // Nothing may come of it. A network that does not tell (protocol section 11.5) leaves the end to us.
    late.reset(new CodedError('flow.reset', 'the test is over'))
    expect(await heard.closed).toBeDefined()
    expect(heard.length).toBe(0)
    for (const call of calls.slice(1)) call.refuse('too late')
    await binding.close()
  })
}
