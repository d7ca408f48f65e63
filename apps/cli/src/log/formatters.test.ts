import { describe, expect, it } from 'vitest'
import { jsonFormatter } from './json.ts'
import { prettyFormatter } from './pretty.ts'
import type { LogRecord } from './record.ts'
import { textFormatter } from './text.ts'

const record = (part: Partial<LogRecord>): LogRecord => ({
  time: new Date(Date.UTC(2026, 10, 22, 14, 46, 54, 7)),
  elapsedSeconds: 0,
  severity: 'info',
  source: 'ziti/tunnel',
  message: '',
  fields: {},
  ...part,
})

const pretty = prettyFormatter({ colours: false })

describe('pretty, against lines of the original README', () => {
  const golden: [line: string, part: Partial<LogRecord>][] = [
    [
      '[   0.000]    INFO ziti/tunnel/intercept/tproxy.New: tproxy listening on 127.0.0.1:33641',
      { source: 'ziti/tunnel/intercept/tproxy.New', message: 'tproxy listening on 127.0.0.1:33641' },
    ],
    [
      '[   0.001]   FATAL ziti/tunnel/cmd/ziti-tunnel/subcmd.run: failed to initialize an interceptor',
      { elapsedSeconds: 0.001, severity: 'fatal', source: 'ziti/tunnel/cmd/ziti-tunnel/subcmd.run', message: 'failed to initialize an interceptor' },
    ],
    [
      '[   0.183]    INFO ziti/tunnel/intercept/proxy.proxyInterceptor.runServiceListener: {addr=[0.0.0.0:2222] service=[ssh-scarey]} service is listening',
      {
        elapsedSeconds: 0.183,
        source: 'ziti/tunnel/intercept/proxy.proxyInterceptor.runServiceListener',
        message: 'service is listening',
        fields: { service: 'ssh-scarey', addr: '0.0.0.0:2222' },
      },
    ],
  ]
  it.each(golden)('%s', (line, part) => expect(pretty(record(part))).toBe(line))

  it('gives every level seven columns', () => {
    const lines = (['debug', 'info', 'warn', 'error', 'fatal'] as const).map((severity) => pretty(record({ severity, message: 'm' })))
    expect(lines.map((line) => line.slice(10, 19))).toEqual(['   DEBUG ', '    INFO ', ' WARNING ', '   ERROR ', '   FATAL '])
  })

  it('grows beyond eight columns of time without losing any', () => {
    expect(pretty(record({ elapsedSeconds: 123456.7894, message: 'm' }))).toBe('[123456.789]    INFO ziti/tunnel: m')
  })

  it('leaves out fields without a value', () => {
    expect(pretty(record({ message: 'm', fields: { b: 2, a: undefined, c: false } }))).toMatch(/: \{b=\[2\] c=\[false\]\} m$/)
  })

  it('keeps a hostile service name on its line and away from the terminal', () => {
    const line = pretty(record({ message: 'up\nforged', fields: { service: 'a\r\n[   0.000]   FATAL x: \u001b[2J\u009b\u202e' } }))
    expect(line).toContain('up\\nforged')
    // eslint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
  })

  it('colours only when it is told to', () => {
    expect(prettyFormatter({ colours: true })(record({ message: 'm' }))).toContain('\u001b[32m   INFO\u001b[0m')
  })
})

describe('json', () => {
  it('is one object with RFC 3339 time, level, msg, func and sorted fields', () => {
    const line = jsonFormatter(record({ severity: 'warn', message: 'slow', source: 'edge/channel.probe', fields: { router: 'r1', latency: 12.5 } }))
    expect(line).toBe('{"time":"2026-11-22T14:46:54.007Z","level":"warning","msg":"slow","func":"edge/channel.probe","latency":12.5,"router":"r1"}')
  })

  it('does not let a field replace a member of ours', () => {
    const parsed: unknown = JSON.parse(jsonFormatter(record({ message: 'real', fields: { msg: 'forged', level: 'debug' } })))
    expect(parsed).toMatchObject({ 'msg': 'real', 'level': 'info', 'fields.msg': 'forged', 'fields.level': 'debug' })
  })

  it('escapes what drives terminals and still says the same', () => {
    const message = 'a\nb\u009b1mc\u2028d'
    const line = jsonFormatter(record({ message }))
    // eslint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/)
    expect(JSON.parse(line)).toMatchObject({ msg: message })
  })
})

describe('text', () => {
  it('has the compact form of the original README on a terminal', () => {
    const compact = textFormatter({ terminal: true })
    expect(compact(record({ elapsedSeconds: 2.4, message: 'dns server started on 127.0.0.1:53' }))).toBe('INFO[0002] dns server started on 127.0.0.1:53           ')
    expect(compact(record({ elapsedSeconds: 2, message: 'm', fields: { service: 'a b' } }))).toMatch(/^INFO\[0002\] m {44}service="a b"$/)
  })

  it('has pairs elsewhere, quoted where they need it', () => {
    const pairs = textFormatter({ terminal: false })
    expect(pairs(record({ message: 'say "hi"\n', source: 'core/dial.start', fields: { n: 3 } }))).toBe(
      String.raw`time="2026-11-22T14:46:54.007Z" level=info msg="say \"hi\"\n" func=core/dial.start n=3`,
    )
  })
})
