import { CodedError } from '@tunnel/flow'
import { beforeEach, describe, expect, it } from 'vitest'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { loadCrypto } from '../wire.ts'
import { Circuit } from './circuit.ts'
import { connectCircuit, type ConnectResult } from './connect.ts'
import { PlaintextSlabs } from './plaintext-slabs.ts'

const request = { protocol: 'tcp', service: 'web', encryptionRequired: false, sessionToken: 'dial-token', callerId: 'me' } as const

let router: ScriptedRouter
let connect: () => Promise<ConnectResult<Circuit>>
let result: Promise<ConnectResult<Circuit>>
beforeEach(async () => {
  router = await new ScriptedRouter().welcomes()
  const options = { channel: router.channel, slabs: new PlaintextSlabs(), crypto: await loadCrypto() }
  connect = () => connectCircuit(options, request, (connection, info) => new Circuit(connection, info), 10_000, new AbortController().signal)
  result = connect()
  result.catch(() => {})
})

describe('Connect (protocol section 4.2)', () => {
  it('ends with a StateClosed that is no reply; a StateConnected behind it makes no flow', async () => {
    const { sequence } = router.gets({ type: 'Connect', connId: 1, text: 'dial-token' })
    router.gives({ type: 'StateClosed', connId: 1, text: 'gone' })
    router.gives({ type: 'StateConnected', connId: 1, replyFor: sequence })
    await expect(result).rejects.toMatchObject({ code: 'dial.refused', detail: { reason: 'gone' } })
    router.gets({ type: 'StateClosed', connId: 1, text: 'dial was given up' })
    expect(router.channel.connections.size).toBe(0)
  })

  it('does not add to what a router has not taken for long', async () => {
    router.takesWrites = false
    for (let count = 0; count < 9 * 16; count += 1) router.channel.data(7, 0, 64 * 1024)
    router.turn()
    const before = router.channel.unsentBytes
    await expect(connect()).rejects.toMatchObject({ code: 'dial.no-router' })
    expect([router.channel.unsentBytes, router.channel.connections.size]).toEqual([before, 1])
  })

  it('keeps no more of a refusal than a person reads', async () => {
    const { sequence } = router.gets({ type: 'Connect' })
    router.gives({ type: 'StateClosed', connId: 1, replyFor: sequence, text: 'no'.repeat(1_000_000) })
    const { error } = (await result) as { error: CodedError }
    expect(error.code).toBe('dial.refused')
    expect(error.message.length).toBeLessThan(1200)
  })
})
