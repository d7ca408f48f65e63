import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRouteControl } from './index.ts'
import { examplesOf } from '../../../tooling/src/readme-examples.ts'
import { enterOwnNetwork, feed, noNetwork, run } from '../../../tooling/src/testing-host/own-network.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const { readme: examples, module } = examplesOf(import.meta.url)

describe('the examples of the README', () => {
  it('begin with the one of the module', () => expect(examples[0]).toBe(module))
})

describe.skipIf(noNetwork)('the examples of the README, run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-linux-'))
  const programs: ChildProcess[] = []
  beforeAll(() => enterOwnNetwork())
  afterAll(() => {
    programs.forEach((program) => program.kill('SIGKILL'))
    rmSync(folder, { recursive: true, force: true })
  })

  function start(example: string): { program: ChildProcess; output: () => string } {
    const text = example.replace(/\/var\/lib\/[\w-]+/, folder)
    const flags = ['--conditions=tunnel-source', '--input-type=module-typescript', '-e', text]
    const program = spawn(process.execPath, flags, { cwd: here('..'), stdio: ['ignore', 'pipe', 'pipe'] })
    programs.push(program)
    let output = ''
    program.stdout.on('data', (chunk) => (output += String(chunk)))
    program.stderr.on('data', (chunk) => (output += String(chunk)))
    return { program, output: () => output }
  }

  it('is a transparent proxy, which leaves nothing behind when it is killed', async () => {
    run('ip', 'address', 'add', '198.51.100.7/32', 'dev', 'lo')
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(80, '198.51.100.7')
    await once(server, 'listening')
    const before = hostDump()

    const { program, output } = start(examples[0]!)
    await expect.poll(() => run('ip', 'rule'), { timeout: 8000 }).toContain('fwmark 0x1')
    expect(await exchange('198.51.100.7', 80, 'hello')).toBe('hello')
    expect(output()).toMatch(/^[\d.]+ to 198\.51\.100\.7:80\n$/)
    // Nobody listens there: the client hears a reset.
    await expect(exchange('198.51.100.7', 81, 'hello')).rejects.toMatchObject({ code: 'ECONNRESET' })
    server.close()

    program.kill('SIGKILL')
    await expect.poll(hostDump, { timeout: 5000 }).toBe(before)
  }, 20_000)

  it('echoes datagrams', async () => {
    const { program, output } = start(examples[1]!)
    await expect.poll(() => run('ss', '-lun'), { timeout: 8000 }).toContain('127.0.0.1:7007')
    expect(feed('hello', 'socat', '-t', '1', '-', 'UDP4:127.0.0.1:7007')).toBe('hello')
    expect(output()).toBe('')
    program.kill()
  }, 20_000)

  it.each([
    ['reads and changes routes', 2, /^\{ type: 'local', table: 255, device: 'lo', source: '127.0.0.1' \}$/m],
    ['plans a route, makes and undoes it', 3, /^add route local 100\.64\.0\.0\/10 .* \/ remove route local 100\.64\.0\.0\/10 /m],
    ['prints and makes a table', 4, /services/],
  ])('%s', async (_, index, said) => {
    const before = hostDump()
    const { program, output } = start(examples[index]!)
    const [code] = (await once(program, 'exit')) as [number]
    expect({ code, output: output() }).toEqual({ code: 0, output: expect.stringMatching(said) })
    expect(hostDump()).toBe(before)
  }, 20_000)
})

function hostDump(): string {
  const control = openRouteControl()
  const dump = JSON.stringify([control.routes(), control.rules(), control.addresses(), control.links()])
  control.close()
  return `${dump}${run('nft', 'list', 'ruleset')}`
}

function exchange(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.on('data', (chunk) => (answer += String(chunk))).on('end', () => resolve(answer))
    socket.on('error', reject).end(text)
  })
}
