import { describe, expect, it } from 'vitest'
import { parseRouterUrl, routersSchema } from './router.ts'

describe('router URLs', () => {
  it.each([
    ['tls://router.example:3022', 'router.example', 3022],
    ['tls:router.example:443', 'router.example', 443],
    ['tls://[2001:db8::1]:3022', '2001:db8::1', 3022],
    ['tls://192.0.2.1:3022/', '192.0.2.1', 3022],
  ])('%s', (url, host, port) => {
    expect(parseRouterUrl(url, 'r', true)).toEqual({ name: 'r', url, host, port, online: true })
  })

  it.each(['', 'wss://router:443', 'tls://router', 'tls://router:0', 'tls://router:65536', 'tls://a b:1', 'tls://user@router:1', 'tls://router:1/x', 'tls://2001:db8::1:3022'])(
    '%j is unusable', (url) => {
      expect(parseRouterUrl(url, 'r', true)).toBeUndefined()
    })

  it('come online ones first, once each, without disabled ones and those for other protocols', () => {
    const router = (name: string, more: object) => ({ name, isOnline: true, supportedProtocols: { tls: `tls://${name}:1` }, ...more })
    const list = [
      router('off', { isOnline: false }), router('on', {}), router('on', {}), router('gone', { disabled: true }),
      router('web', { supportedProtocols: { wss: 'wss://web:1' } }), router('old', { supportedProtocols: null, urls: { tls: 'tls://old:2' } }),
    ]
    expect(routersSchema.parse(list).map(({ name }) => name)).toEqual(['on', 'old', 'off'])
    expect(routersSchema.parse(null)).toEqual([])
  })
})
