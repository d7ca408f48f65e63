import { EventEmitter } from 'node:events'
import { errorGuide } from '@tunnel/core'
import { describe, expect, it } from 'vitest'
import { runProgram } from './program.ts'

/** Runs a command line in this process: only for those that start nothing. */
async function play(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const result = { code: -1, out: '', err: '' }
  result.code = await runProgram(argv, {
    stdout: { write: (text: string) => (result.out += text) },
    stderr: { write: (text: string) => (result.err += text) },
    environment: {},
    signals: new EventEmitter(),
    exitNow: () => expect.unreachable(),
  })
  return result
}

const commands = ['run', 'tproxy', 'tun', 'exec', 'proxy', 'host', 'enroll', 'doctor', 'status', 'capture', 'cleanup', 'demo', 'version', 'help']

describe('help', () => {
  it.each([[['--help']], [['help']], ...commands.map((name) => [[name, '--help']]), ...commands.map((name) => [['help', name]])])(
    '%j names the exit codes and gives an example, on stdout',
    async (argv) => {
      const { code, out, err } = await play(...argv)
      expect(code).toBe(0)
      expect(err).toBe('')
      expect(out).toMatch(/^Usage: ziti-tunnel /)
      expect(out).toMatch(/Examples:\n {2}\$ (sudo )?ziti-tunnel /)
      expect(out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 {5}FATAL/)
    },
  )

  it.each(commands)('of %s shows the global options', async (name) => {
    const { out } = await play(name, '--help')
    for (const option of ['--identity <file>', '--identity-dir', '--svcPollRate', '--verbose', '--log-formatter']) expect(out).toContain(option)
  })

  it('errors: says of each code what it means and what to do', async () => {
    const { code, out, err } = await play('help', 'errors')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    for (const [name, { meaning, next }] of Object.entries(errorGuide)) expect(out).toContain(`\n${name}\n  ${meaning}.\n  ${next}.\n`)
  })

  it('does not show what has no effect', async () => {
    expect((await play('--help')).out).not.toContain('--diverter')
    expect((await play('proxy', '--help')).out).not.toContain('--resolver')
    expect((await play('cleanup', '--help')).out).toMatch(/^(?![^]*--resolver)[^]*--state-dir/)
  })

  it.each(['run', 'tproxy'])('of %s shows how it can be told to intercept', async (name) => {
    const { out } = await play(name, '--help')
    for (const option of ['--resolver <url>', '--configure-resolver', '--lanIf', '--firewall', '--plan', '--udp-idle']) expect(out).toContain(option)
  })
})

describe('version', () => {
  it.each([[['version']], [['version', '--log-formatter', 'json']]])('%j', async (argv) => {
    expect(await play(...argv)).toEqual({ code: 0, out: expect.stringMatching(/^ziti-tunnel \d+\.\d+\.\d+\n$/), err: '' })
  })

  it('says more with -v before or after', async () => {
    expect((await play('-v', 'version')).out).toContain(process.version)
    expect((await play('version', '-v')).out).toContain(process.version)
  })
})

describe('a wrong command line ends with 2 and one clear message', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['prxy']],
    ['an unknown option', ['host', '--identty', 'x.json']],
    ['an option without its value', ['host', '-i']],
    ['a poll rate of zero', ['host', '--svcPollRate', '0']],
    ['a poll rate that is no number', ['host', '--svcPollRate', 'soon']],
    ['an unknown log form', ['--log-formatter', 'xml', 'host']],
    ['too many arguments', ['run', 'a.json', 'b.json']],
    ['a key algorithm that nobody knows', ['enroll', 'a.jwt', '-a', 'DSA']],
    ['no identity', ['proxy', 'a:1']],
    ['no identity to host with', ['host']],
    ['no identity to run with', ['run']],
    ['a service without a port', ['proxy', 'a', '-i', 'x.json']],
    ['a port out of range', ['proxy', 'a:70000', '-i', 'x.json']],
    ['an unknown protocol', ['proxy', 'a:1:sctp', '-i', 'x.json']],
    ['two services on one port', ['proxy', 'a:1', 'b:1', '-i', 'x.json']],
    ['no token', ['enroll']],
    ['help on what is not there', ['help', 'nonsense']],
    ['no identity to intercept for', ['tproxy']],
    ['no command', ['exec', '-i', 'x.json']],
    ['an address of loopback as the host', ['exec', '--host-loopback', '127.0.0.1', 'true']],
    ['a resolver that is none', ['run', '-r', '127.0.0.1']],
    ['a range that is none', ['run', '-d', '100.64.0.1']],
    ['an unknown firewall', ['tproxy', '--firewall', 'pf']],
    ['an unknown self-test', ['tproxy', '--dns-self-test', 'maybe']],
    ['an unknown assignment', ['tproxy', '--ip-assignment', 'random']],
    ['an unknown upstream mode', ['run', '--dnsUpstreamMode', 'all']],
    ['an upstream that is our own DNS server', ['run', '-i', 'x.json', '--resolver', 'udp://127.0.0.2:53', '--dnsUpstream', 'tcp://127.0.0.2']],
    ['a resolver to configure and none to point to', ['run', '-i', 'x.json', '--resolver', 'none', '--configure-resolver']],
  ])('%s', async (_, argv) => {
    const { code, out, err } = await play(...argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    if (argv.length > 0) expect(err).toMatch(/^error: /m)
  })
})

describe('options of the original that have no effect', () => {
  it('are accepted before and after the command and named once', async () => {
    const { code, out, err } = await play('-r', 'udp://127.0.0.1:53', '--cli-agent=false', '--cli-agent', 'version', '-d', '100.64.0.1/10', '--diverter', 'x')
    expect(code).toBe(0)
    expect(out).toMatch(/^ziti-tunnel /)
    expect(err.trimEnd().split('\n').map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 'warning', options: '--diverter --cli-agent --resolver --dnsSvcIpRange' }),
    ])
  })
})
