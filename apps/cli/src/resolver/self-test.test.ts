import { createDnsServer } from '@tunnel/dns'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { createSelfTestRecord, selfTestAddress, selfTestName, testResolver } from './self-test.ts'

const failure = (code: string): Error => Object.assign(new Error(code), { code })

describe('testResolver', () => {
  it('is content with our address, at once', async () => {
    expect(await testResolver({ patience: 1000, ask: async (name) => (name === selfTestName ? selfTestAddress : '') })).toBeUndefined()
  })

  it.each([
    ['another address', async () => '203.0.113.1', 'the system resolver says 203.0.113.1'],
    ['no such name', async () => Promise.reject(failure('ENOTFOUND')), 'the system resolver knows no such name'],
    ['no answer', async () => Promise.reject(failure('EAI_AGAIN')), 'the system resolver gets no answer'],
    ['another failure', async () => Promise.reject(failure('EOOPS')), 'the system resolver fails: EOOPS'],
    ['silence', () => new Promise<string>(() => {}), 'the system resolver does not answer'],
  ])('tells of %s', async (_, ask, problem) => {
    const clock = createVirtualClock()
    const result = testResolver({ patience: 1000, ask, clock })
    let settled = false
    void result.then(() => (settled = true))
    for (let step = 0; step < 100 && !settled; step += 1) {
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      clock.advance(20)
    }
    expect(await result).toBe(problem)
  })

  it('bears wrong answers for a while, after a flush', async () => {
    const asked: string[] = []
    const answers = ['203.0.113.1', selfTestAddress]
    const problem = await testResolver({
      patience: 1000,
      flush: async () => void asked.push('flush'),
      ask: async (name) => (asked.push(name), answers.shift() ?? ''),
    })
    expect(problem).toBeUndefined()
    expect(asked).toEqual(['flush', selfTestName, selfTestName])
  })
})

it('the record is there between add and remove, in the words of the original', async () => {
  const lines: string[] = []
  const record = createSelfTestRecord((_level, source, message) => lines.push(`${source}: ${message}`))
  const server = createDnsServer({ resolvers: [record.resolver, () => 'NXDOMAIN'] })
  const ask = async () => (await server.ask('Ziti-Tunnel.resolver.test', 'A')).records.map(({ data }) => data)
  expect(await ask()).toEqual([])
  record.add()
  expect(await ask()).toEqual([selfTestAddress])
  record.remove()
  expect(await ask()).toEqual([])
  expect(lines).toEqual([
    'dns.(*resolver).AddHostname: adding ziti-tunnel.resolver.test = 19.65.28.94 to resolver',
    'dns.(*resolver).RemoveHostname: removing ziti-tunnel.resolver.test from resolver',
  ])
})
