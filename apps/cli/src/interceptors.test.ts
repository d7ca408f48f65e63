import type { Interceptor } from '@tunnel/core/contracts'
import { describe, expect, it } from 'vitest'
import type { InterceptorKind } from './interceptors.ts'
import { createBestInterceptor } from './interceptors.ts'

const fake = (kind: Interceptor['kind'], failure?: string): InterceptorKind => ({
  kind,
  transparent: kind !== 'proxy',
  create: async () => {
    if (failure !== undefined) throw new Error(failure)
    return { kind } as Interceptor
  },
})

async function choose(...kinds: InterceptorKind[]): Promise<{ chosen: string | undefined; lines: string[] }> {
  const lines: string[] = []
  const chosen = await createBestInterceptor(kinds, { bind: '127.0.0.1', log: (_, __, message) => lines.push(message) })
  return { chosen: chosen?.kind, lines }
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

  it('chooses nothing when none works', async () => {
    expect(await choose(fake('tproxy', 'a'), fake('tun', 'b'))).toEqual({
      chosen: undefined,
      lines: ['tproxy initialization failed: a', 'tun initialization failed: b'],
    })
  })
})
