import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseScript } from './parse/parse-script.ts'
import { failedFacts } from './run/facts.ts'
import { runScript, versionsOf } from './run/run-script.ts'

const scripts = join(import.meta.dirname, '../../../packages/netstack/testdata/packetdrill')
const names = readdirSync(scripts, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.pkt'))
  .sort()

describe('scripts of the packetdrill language, against our stack', () => {
  it('there are enough of them', () => expect(names.length).toBeGreaterThanOrEqual(100))

  it.each(names)('%s', async (name) => {
    const script = parseScript(name, readFileSync(join(scripts, name), 'utf8'))
    for (const version of versionsOf(script)) await runScript(script, version)
  })
})

const opening = [
  ' 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3',
  '+0 bind(3, ..., ...) = 0',
  '+0 listen(3, 1) = 0',
  '+0 < S 0:0(0) win 65535 <mss 1000>',
  '+0 > S. 0:0(0) ack 1 <mss 1460>',
  '+.1 < . 1:1(0) ack 1 win 65535',
  '+0 accept(3, ..., ...) = 4',
]

/** The complaint about `opening` and the lines after it, which begin at line 8. */
async function complaint(...lines: string[]): Promise<string> {
  try {
    await runScript(parseScript('x.pkt', [...opening, ...lines].join('\n')), 4)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

describe('what is not as a script says fails, with its place', () => {
  it('nothing is wrong at first', async () => expect(await complaint('+0 write(4, ..., 500) = 500', '+0 > P. 1:501(500) ack 1')).toBe('none'))

  it.each([
    ['+0 > P. 1:401(400) ack 1', 'length', '> P. 1:401(400) ack 1 at 0.100 s'],
    ['+0 > P. 2:502(500) ack 1', 'seq', '> P. 2:502(500) ack 1 at 0.100 s'],
    ['+0 > P. 1:501(500) ack 2', 'ack', '> P. 1:501(500) ack 2 at 0.100 s'],
    ['+0 > . 1:501(500) ack 1', 'flags', '> . 1:501(500) ack 1 at 0.100 s'],
    ['+0 > P. 1:501(500) ack 1 win 7', 'win', '> P. 1:501(500) ack 1 win 7 at 0.100 s'],
    ['+0 > P. 1:501(500) ack 1 <nop,nop,sack 1:2>', 'options', '> P. 1:501(500) ack 1 <nop,nop,sack 1:2> at 0.100 s'],
  ])('%s', async (line, what, expected) => {
    expect(await complaint('+0 write(4, ..., 500) = 500', line)).toBe(
      `x.pkt:9: the stack sent something else: ${what}\n  expected ${expected}\n  seen     > P. 1:501(500) ack 1 win 65535 at 0.100 s`,
    )
  })

  it.each([
    ['+.2 > P. 1:501(500) ack 1', 'x.pkt:9: the stack sent it at another time\n  expected > P. 1:501(500) ack 1 at 0.300 s\n  seen     > P. 1:501(500) ack 1 win 65535 at 0.100 s'],
    ['+0 close(4) = 0', 'x.pkt:9: the script is over, but the stack sent > P. 1:501(500) ack 1 win 65535 at 0.100 s'],
    ['+0 %{ assert tcpi_unacked == 2 }%', 'x.pkt:9: assert tcpi_unacked == 2: tcpi_unacked is 1'],
  ])('%s', async (line, expected) => expect(await complaint('+0 write(4, ..., 500) = 500', line)).toBe(expected))

  it.each([
    ['+0 > P. 1:501(500) ack 1', 'x.pkt:8: the stack sent nothing\n  expected > P. 1:501(500) ack 1 at 0.100 s'],
    ['+0 read(4, ..., 10) = 10', 'x.pkt:8: read blocks, but is to return 10 at once'],
    ['+0...0.2 read(4, ..., 10) = 10', 'x.pkt:8: read has not returned at 0.300 s'],
    ['+0 write(4, ..., 10) = 9', 'x.pkt:8: write returned something else\n  expected 9\n  seen     10'],
    ['+0 read(7, ..., 10) = 10', 'x.pkt:8: there is no socket 7'],
    ['+0 sendmmsg(4, ..., 10) = 10', 'x.pkt:8: the call sendmmsg is not supported'],
    ['.05 < . 1:1(0) ack 1 win 1', 'x.pkt:8: due at 0.050 s, but it is 0.100 s already'],
    ['+0 < . 1:1(0) ack 1 win 1 <nop,nop,TS val 1 ecr 5>', 'x.pkt:8: it echoes a time that the stack has not sent'],
  ])('%s', async (line, expected) => expect(await complaint(line)).toBe(expected))
})

describe('what is not of the language is told in a line, with its place', () => {
  it.each([
    ['+0 < . 1:1(0) ack 1', 'a packet to the stack needs a window: "win 1000"'],
    ['+0 < . 1:11(11) ack 1 win 5', '1:11(11) does not add up: 1 and 11 are 12'],
    ['+0 < X 1:1(0) win 5', 'expected flags of "SFRPUEW.", or "-" for none, found "X 1:1(0) win 5"'],
    ['+0 < S 0:0(0) win 5 <mss>', 'expected a number after "mss", found ">"'],
    ['+0 < S 0:0(0) win 5 <FO abcd>', 'the option "FO" is not supported'],
    ['+0 < S 0:0(0) win 5 <mss 1460', 'expected "," or ">" after an option, found the end'],
    ['+0 < [ect0] S 0:0(0) win 5', 'ECN, TTL and TOS are not supported'],
    ['+0 < S 0:0(0) win 5 <...>', '<...> stands only for options that the stack sends'],
    ['+0 close(3)', 'expected "=" and the result of the call, found the end'],
    ['+0 close(3 = 0', 'expected "," or ")", found "= 0"'],
    ['+.3~+.1 > . 1:1(0) ack 1', 'a range of times that ends before it begins'],
    ['soon close(3) = 0', 'expected a time, a packet ("<" or ">"), a call, a command or facts, found "soon close(3) = 0"'],
    ['+0 `sysctl -q net.ipv4.tcp_fack=1`', 'the command "sysctl -q net.ipv4.tcp_fack=1" is not supported'],
  ])('%s', async (line, expected) => {
    await expect((async () => runScript(parseScript('x.pkt', `// a remark\n\n${line}`), 4))()).rejects.toThrow(`x.pkt:3: ${expected}`)
  })
})

describe('facts', () => {
  const facts = { a: 3, b: 10 }

  it.each(['assert a == 3', 'assert b // a == a, "no"', 'assert not (a > b) and 1 < a <= 3; assert -a + 2 * b == 17', 'assert a == 4 or b % 4 == 2', '# nothing'])('%s', (code) => {
    expect(failedFacts(code, facts)).toEqual([])
  })

  it('tells what is seen', () => expect(failedFacts('assert a == 4 and b == 10, a', facts)).toEqual(['assert a == 4 and b == 10, a: a is 3, b is 10']))

  it.each(['import os', 'assert process.exit(1)', 'assert c == 1', 'assert a ==', 'assert (a', 'assert __proto__'])('refuses %s', (code) => {
    expect(() => failedFacts(code, facts)).toThrow()
  })
})
