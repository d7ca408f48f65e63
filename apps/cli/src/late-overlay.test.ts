import { createMemoryNetwork } from '@tunnel/core/testing'
import { CodedError } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import type { Overlay } from '@tunnel/core'
import { describe, expect, it } from 'vitest'
import { createLateOverlay, firstOpened, firstOpenedWithin } from './late-overlay.ts'

function late() {
  const network = createMemoryNetwork()
  network.addService({ name: 'web', config: {} })
  let resolve: (overlay: Overlay) => void = () => {}
  let signal: AbortSignal | undefined
  const overlay = createLateOverlay('a.json', (aborted) => {
    signal = aborted
    return new Promise((settle, reject) => {
      resolve = settle
      aborted.addEventListener('abort', () => reject(new CodedError('overlay.closed', 'stopped')))
    })
  })
  return { overlay, open: () => resolve(network.createIdentity('me')), aborted: () => signal?.aborted }
}

const broken = (failure: Error) => createLateOverlay('b.json', () => Promise.reject(failure))

describe('createLateOverlay', () => {
  it('has no services, then those of the opened one, and tells watchers of before', async () => {
    const { overlay, open } = late()
    const seen: string[] = []
    const unsubscribe = overlay.watch(({ kind, service }) => seen.push(`${kind} ${service.name}`))
    expect(overlay.services.size).toBe(0)
    expect(overlay.identity.name).toBe('a.json')
    open()
    await overlay.opened
    expect(seen).toEqual(['added web'])
    expect([...overlay.services.values()].map(({ name }) => name)).toEqual(['web'])
    expect(overlay.identity.name).toBe('me')
    unsubscribe()
  })

  it('does not tell those who left before it opened', async () => {
    const { overlay, open } = late()
    const seen: string[] = []
    overlay.watch(({ service }) => seen.push(service.name))()
    open()
    await overlay.opened
    expect(seen).toEqual([])
  })

  it('refuses to dial until it is open', async () => {
    const { overlay } = late()
    const service = { id: '1', name: 'web', encryptionRequired: true, permissions: [], config: {} }
    await expect(overlay.dial(service, { protocol: 'tcp' })).rejects.toMatchObject({ code: 'dial.no-router' })
    await expect(overlay.bind(service, {}, () => {})).rejects.toMatchObject({ code: 'dial.no-router' })
  })

  it('gives up opening when it is closed', async () => {
    const { overlay, aborted } = late()
    await overlay.close()
    expect(aborted()).toBe(true)
    await expect(overlay.opened).rejects.toMatchObject({ code: 'overlay.closed' })
  })
})

describe('firstOpened', () => {
  it('waits for one, and for the others a while', async () => {
    const clock = createVirtualClock()
    const one = late()
    let done = false
    const waiting = firstOpened([one.overlay, late().overlay], clock).then(() => (done = true))
    one.open()
    await new Promise((resolve) => setImmediate(resolve))
    expect(done).toBe(false)
    clock.advance(1_000)
    await waiting
  })

  it('does not wait for one that will never open', async () => {
    const { overlay, open } = late()
    const waiting = firstOpened([broken(new CodedError('auth.refused', 'no')), overlay], createVirtualClock())
    open()
    await waiting
  })

  it('rejects with the reason of the only one, and with the number of several', async () => {
    const no = new CodedError('auth.refused', 'the controller does not know it')
    await expect(firstOpened([broken(no)])).rejects.toMatchObject({ code: 'identity.refused', message: expect.stringMatching(/^identity \S.*: the controller does not know it$/) })
    await expect(firstOpened([broken(no), broken(no)])).rejects.toMatchObject({ code: 'identity.refused', message: 'none of the 2 identities can be used' })
  })

  it('does not call a fault of the program a bad identity', async () => {
    const fault = new TypeError('x is not a function')
    await expect(firstOpened([broken(fault)])).rejects.toBe(fault)
  })
})

describe('firstOpenedWithin', () => {
  it('gives up when nobody has logged in until then, and says where to look', async () => {
    const clock = createVirtualClock()
    const outcome = async (count: number) => {
      const waiting = firstOpenedWithin(20_000, Array.from({ length: count }, () => late().overlay), clock)
      clock.advance(20_000)
      return waiting.catch(({ code, message }: CodedError) => `${code} ${message}`)
    }
    expect(await outcome(1)).toBe("cli.no-login identity a.json could not log in within 20 s: try 'ziti-tunnel doctor', which says what stands in the way")
    expect(await outcome(2)).toMatch(/^cli.no-login none of the 2 identities could log in within 20 s: /)
  })

  it('is what firstOpened is until then, and leaves no timer behind', async () => {
    const clock = createVirtualClock()
    const { overlay, open } = late()
    const waiting = firstOpenedWithin(20_000, [overlay], clock)
    open()
    await waiting
    await expect(firstOpenedWithin(20_000, [broken(new CodedError('auth.refused', 'no'))], clock)).rejects.toMatchObject({ code: 'identity.refused' })
    clock.advance(1_000) // the time for further identities, of which there are none
    expect(clock.pending).toBe(0)
  })
})
