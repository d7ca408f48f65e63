import { parseInterceptV1 } from '@tunnel/config'
import type { ApplyReport, Interceptor, InterceptTable } from '@tunnel/core'
import { CodedError } from '@tunnel/flow'
import { describe, expect, it, vi } from 'vitest'
import type { NameBook } from '../names/name-book.ts'
import { withListeners, withNames } from './named-interceptor.ts'

function tableOf(services: Readonly<Record<string, readonly string[]>>): InterceptTable {
  const intercepts = Object.entries(services).map(([name, addresses]) => {
    const parsed = parseInterceptV1({ protocols: ['tcp'], addresses, portRanges: [{ low: 80, high: 80 }] })
    if (!parsed.ok) throw parsed.error
    return { service: { id: name, name, encryptionRequired: false, permissions: ['Dial' as const], config: {} }, intercept: parsed.value }
  })
  return { listeners: [{ service: 'l', protocol: 'tcp', port: 1 }], intercepts }
}

const report = (word: string): ApplyReport => ({ applied: [word], removed: [], failed: [] })

function recorder(name: string, events: string[]): Interceptor {
  return {
    kind: 'tproxy',
    plan: ({ listeners, intercepts }) => [{ kind: `${name}.${listeners.length}.${intercepts.length}`, summary: '', parameters: {} }],
    async apply({ listeners, intercepts }) {
      events.push(`${name} applies ${listeners.length} ${intercepts.length}`)
      return report(name)
    },
    onRequest: () => void events.push(`${name} has a handler`),
    close: async () => void events.push(`${name} closes`),
  }
}

describe('withNames', () => {
  function setUp(refused: Record<string, CodedError> = {}) {
    const events: string[] = []
    const book = {
      assign: async (names: readonly string[]) => {
        events.push(`assign ${names.join(' ')}`)
        return new Map(Object.entries(refused))
      },
      publish: () => events.push('publish'),
      announce: () => events.push('announce'),
      addressesOf: (name: string) => (name.endsWith('.idle.ziti') ? [] : ['10.0.0.1']),
    } as unknown as NameBook
    const published = async (names: readonly string[]) => {
      events.push(`published ${names.join(' ')}`)
      return new Map(names.includes('*.file.ziti') ? [['*.file.ziti', new CodedError('resolver.hosts-wildcard', 'no')]] : [])
    }
    return { events, interceptor: withNames(recorder('inner', events), { book, published }), book }
  }

  it('gives addresses, intercepts, answers, and tells, in that order', async () => {
    const { events, interceptor } = setUp()
    const { applied, failed } = await interceptor.apply(tableOf({ web: ['Web.ziti', '10.0.0.1', '*.Wild.ziti'], other: ['web.ziti', '10.0.0.0/8'] }))
    expect(events).toEqual(['assign web.ziti *.wild.ziti', 'inner applies 1 2', 'publish', 'published web.ziti *.wild.ziti', 'announce'])
    expect({ applied, failed }).toEqual({ applied: ['inner'], failed: [] })
  })

  it('says which names belong to services that pass the client\'s address on', async () => {
    const { interceptor, book } = setUp()
    const assign = vi.spyOn(book, 'assign')
    const { listeners, intercepts: [web, src, byClient] } = tableOf({ web: ['web.ziti'], src: ['src.ziti', '10.0.0.1'], byClient: ['*.by.ziti'] })
    if (!web || !src || !byClient) throw new Error('three services')
    const sourceIp = { ...src, intercept: { ...src.intercept, sourceIp: '$src_ip:$src_port' } }
    const identity = { ...byClient, intercept: { ...byClient.intercept, dialOptions: { identity: 'x-$src_ip' } } }
    await interceptor.apply({ listeners, intercepts: [web, sourceIp, identity] })
    expect(assign).toHaveBeenCalledWith(['web.ziti', 'src.ziti', '*.by.ziti'], ['src.ziti', '*.by.ziti'])
  })

  it('leaves out wildcards that stand for nothing yet', async () => {
    const { events, interceptor } = setUp()
    await interceptor.apply(tableOf({ idle: ['*.idle.ziti'], both: ['*.idle.ziti', 'web.ziti'], web: ['*.wild.ziti'] }))
    expect(events).toContain('inner applies 1 2')
  })

  it('blames a name without an address on the services that want it', async () => {
    const error = new CodedError('dns.pool-exhausted', 'none left')
    const { events, interceptor } = setUp({ 'web.ziti': error })
    const { failed } = await interceptor.apply(tableOf({ one: ['web.ziti'], two: ['web.ziti', 'db.ziti'] }))
    expect(failed).toEqual([{ service: 'one', error }, { service: 'two', error }])
    expect(events.at(-2)).toBe('published db.ziti')
  })

  it('blames a name that cannot be kept elsewhere on its services too', async () => {
    const { interceptor } = setUp()
    const { failed } = await interceptor.apply(tableOf({ web: ['web.ziti'], files: ['*.file.ziti'] }))
    expect(failed).toEqual([{ service: 'files', error: expect.objectContaining({ code: 'resolver.hosts-wildcard' }) }])
  })

  it('reports what cannot be told, and goes on', async () => {
    const { book, events } = setUp()
    const interceptor = withNames(recorder('inner', []), { book, published: () => Promise.reject(new CodedError('resolver.read-only', 'no')) })
    expect((await interceptor.apply(tableOf({}))).failed).toEqual([{ service: '*', error: expect.objectContaining({ code: 'resolver.read-only' }) }])
    expect(events).toEqual(['assign ', 'publish'])
  })
})

it('withListeners gives each part what concerns it', async () => {
  const events: string[] = []
  const both = withListeners(recorder('tproxy', events), recorder('proxy', events))
  const table = tableOf({ web: ['10.0.0.1'] })
  expect(both.plan(table).map(({ kind }) => kind)).toEqual(['tproxy.0.1', 'proxy.1.0'])
  expect(await both.apply(table)).toEqual({ applied: ['tproxy', 'proxy'], removed: [], failed: [] })
  both.onRequest(() => {})
  await both.close()
  expect(events).toEqual(['tproxy applies 0 1', 'proxy applies 1 0', 'tproxy has a handler', 'proxy has a handler', 'tproxy closes', 'proxy closes'])
})
