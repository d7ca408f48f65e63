import { describe, expect, it } from 'vitest'
import { createLog } from './create-log.ts'
import type { LogOptions } from './create-log.ts'

function lines(options: Partial<Omit<LogOptions, 'sink'>> & { isTTY?: boolean }): string {
  let output = ''
  const sink = { isTTY: options.isTTY ?? false, write: (text: string) => (output += text) }
  const log = createLog({ format: undefined, debug: false, environment: {}, ...options, sink })
  log('debug', 'a/b.c', 'small')
  log('info', 'a/b.c', 'large', { n: 1 })
  return output
}

describe('createLog', () => {
  it('is JSON where nobody watches', () => {
    expect(JSON.parse(lines({}))).toMatchObject({ level: 'info', msg: 'large', func: 'a/b.c', n: 1 })
  })

  it('is pretty and coloured on a terminal', () => {
    expect(lines({ isTTY: true })).toContain('\u001b[36ma/b.c\u001b[0m')
  })

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('has no colours with %o', (environment) => {
    expect(lines({ isTTY: true, environment })).toMatch(/^\[ +\d+\.\d{3}\] {4}INFO a\/b\.c: \{n=\[1\]\} large\n$/)
  })

  it('takes a form that was asked for anywhere', () => {
    expect(lines({ format: 'pretty' })).toMatch(/INFO a\/b\.c: /)
    expect(lines({ format: 'json', isTTY: true })).toMatch(/^\{/)
    expect(lines({ format: 'text' })).toMatch(/^time=/)
  })

  it('says debug lines only with -v', () => {
    expect(lines({ debug: true, format: 'pretty' })).toMatch(/DEBUG a\/b\.c: small\n.*INFO/)
  })
})
