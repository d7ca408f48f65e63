import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandTemplate } from './template.ts'
import type { TemplateValues } from './template.ts'

const values: TemplateValues = {
  tunnelerName: 'laptop-7',
  appData: { site: 'berlin', rack: 4, spare: true, nested: { a: 1 } },
  source: { address: '192.168.0.4', port: 51234 },
  destination: { address: '100.64.0.2', port: 5432 },
  hostname: 'db.corp.ziti',
  protocol: 'tcp',
}
const expand = (text: string, more: Partial<TemplateValues> = {}) => {
  const result = expandTemplate(text, { ...values, ...more })
  return result.ok ? result.value : result.error.code
}

describe('expandTemplate (protocol 6.1)', () => {
  it.each([
    ['$tunneler_id.name', 'laptop-7'],
    ['$tunneler_id.appData[site]', 'berlin'],
    ['$tunneler_id.appData[rack]/$tunneler_id.appData[spare]', '4/true'],
    ['$src_ip', '192.168.0.4'],
    ['$src_port', '51234'],
    ['$src_ip:$src_port', '192.168.0.4:51234'],
    ['$dst_ip:$dst_port', '100.64.0.2:5432'],
    ['$dst_hostname', 'db.corp.ziti'],
    ['$dst_protocol.$dst_hostname', 'tcp.db.corp.ziti'],
    ['plain', 'plain'],
    ['$unknown $', '$unknown $'],
    ['', ''],
  ])('%s', (text, expanded) => expect(expand(text)).toBe(expanded))

  it('takes a missing appData value, and one that is no text, as empty', () => {
    expect(expand('[$tunneler_id.appData[none]]')).toBe('[]')
    expect(expand('[$tunneler_id.appData[nested]]')).toBe('[]')
    expect(expand('[$tunneler_id.appData[toString]]')).toBe('[]')
    expect(expand('[$tunneler_id.appData[site]]', { appData: undefined })).toBe('[]')
  })

  it('refuses an appData without its closing bracket', () => {
    expect(expand('x$tunneler_id.appData[site')).toBe('config.template')
    expect(expand('$tunneler_id.appData[site]$tunneler_id.appData[')).toBe('config.template')
  })

  it('takes no time for a text that is made to take long', () => {
    const text = `${'$tunneler_id.appData['.repeat(100_000)}]`
    expect(expand(text)).toBe('')
    expect(expand(`${text}$tunneler_id.appData[`)).toBe('config.template')
  })

  it('leaves a variable whose value is unknown as it is', () => {
    expect(expand('$dst_hostname', { hostname: undefined })).toBe('$dst_hostname')
    expect(expand('$src_ip:$src_port', { source: undefined })).toBe('$src_ip:$src_port')
  })

  it('puts brackets around IPv6 only in the exact $src_ip:$src_port', () => {
    const source = { address: '2001:db8::1', port: 1 }
    expect(expand('$src_ip:$src_port', { source })).toBe('[2001:db8::1]:1')
    expect(expand('$src_ip', { source })).toBe('2001:db8::1')
    expect(expand('a$src_ip:$src_port', { source })).toBe('a2001:db8::1:1')
  })

  it('does not expand what a value holds, nor reads $ patterns of String.replace in it', () => {
    expect(expand('$dst_hostname', { hostname: '$tunneler_id.name$&' })).toBe('$tunneler_id.name$&')
  })

  it('leaves text without $ alone', () => {
    const text = fc.string().filter((candidate) => !candidate.includes('$'))
    fc.assert(fc.property(text, (plain) => expand(plain) === plain))
  })
})
