import type { Interceptor } from '@tunnel/core/contracts'
import { describe, expect, it } from 'vitest'
import type { InterceptorKind } from './interceptor-kinds.ts'
import { createBestInterceptor, interceptorKinds } from './interceptor-kinds.ts'
import type { InterceptorParts } from './tproxy.ts'

const parts = {} as InterceptorParts

const fake = (kind: Interceptor['kind'], failure?: string): InterceptorKind => ({
  kind,
  create: async () => {
    if (failure !== undefined) throw new Error(failure)
    return { kind } as Interceptor
  },
})

async function choose(...kinds: InterceptorKind[]): Promise<{ chosen: string | undefined; lines: string[]; error?: unknown }> {
  const lines: string[] = []
  try {
    const chosen = await createBestInterceptor(kinds, parts, (_level, _source, message) => lines.push(message))
    return { chosen: chosen.kind, lines }
  } catch (error) {
    return { chosen: undefined, lines, error }
  }
}

describe('createBestInterceptor', () => {
  it('takes the first that works and says which', async () => {
    expect(await choose(fake('tproxy'), fake('tun'))).toEqual({ chosen: 'tproxy', lines: ['using tproxy interceptor'] })
  })

  it('says why one does not work, in the words of the original, and takes the next', async () => {
    expect(await choose(fake('tproxy', 'no iptables'), fake('tun'))).toEqual({
      chosen: 'tun',
      lines: ['tproxy initialization failed: no iptables', 'using tun interceptor'],
    })
  })

  it('ends with the original\'s last line when none works', async () => {
    expect(await choose(fake('tproxy', 'a'), fake('tun', 'b'))).toEqual({
      chosen: undefined,
      lines: ['tproxy initialization failed: a', 'tun initialization failed: b'],
      error: expect.objectContaining({ code: 'cli.no-interceptor', message: 'failed to initialize an interceptor' }),
    })
  })
})

it('tproxy is tried before tun', () => {
  expect(interceptorKinds.map(({ kind }) => kind)).toEqual(['tproxy', 'tun'])
})
