import { describe, expect, it } from 'vitest'
import { syntheticPool } from '../pool/synthetic-pool.ts'
import { createDnsServer } from '../server/create-dns-server.ts'
import { createNameSet } from '../pool/name-set.ts'
import { existingNames } from './existing-names.ts'
import type { Answer, Resolver } from './resolver.ts'

/** The start of a response message: only its code is looked at. */
const message = (rcode: number): Answer => ({ raw: Uint8Array.of(0, 0, 0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0) })
const mail: Answer = { records: [{ type: 'MX', ttl: 60, data: { preference: 1, exchange: 'mail.ziti' } }] }

function serverBefore(inner: Resolver) {
  const set = createNameSet(['db.ziti', '*.wild.ziti'])
  const resolvers = [syntheticPool({ v4: '100.64.0.1/10' }).names(set), existingNames(inner, (name) => set.matches(name))]
  return createDnsServer({ resolvers })
}

describe('names that exist', () => {
  it.each<[string, Answer | undefined]>([
    ['no such name', 'NXDOMAIN'],
    ['no such name, by records', { records: [], rcode: 'NXDOMAIN' }],
    ['no such name, by a message', message(3)],
    ['refused', 'REFUSED'],
    ['refused, by a message', message(5)],
    ['nobody answers', undefined],
  ])('have no records of other types when the servers behind say: %s', async (_, said) => {
    for (const inner of [() => said, async () => said]) {
      for (const name of ['db.ziti', 'DB.ziti', 'x.wild.ziti']) {
        const reply = await serverBefore(inner).ask(name, 'MX')
        expect(reply).toMatchObject({ rcode: 'NOERROR', records: [] })
      }
    }
  })

  it('have the records that the servers behind know', async () => {
    const reply = await serverBefore(async () => mail).ask('db.ziti', 'MX')
    expect(reply.records.map(({ data }) => data)).toEqual([{ preference: 1, exchange: 'mail.ziti' }])
  })

  it('are not said to have none when a server fails', async () => {
    expect(await serverBefore(async () => 'SERVFAIL' as const).ask('db.ziti', 'MX')).toMatchObject({ rcode: 'SERVFAIL' })
  })

  it('are no others', async () => {
    const server = serverBefore(async () => 'NXDOMAIN' as const)
    expect(await server.ask('wild.ziti', 'MX')).toMatchObject({ rcode: 'NXDOMAIN' })
    expect(await serverBefore(() => undefined).ask('other.ziti', 'A')).toMatchObject({ rcode: 'REFUSED' })
  })

  it('close the resolver behind', async () => {
    let closed = 0
    await serverBefore({ resolve: () => undefined, close: () => void (closed += 1) }).close()
    expect(closed).toBe(1)
  })
})
