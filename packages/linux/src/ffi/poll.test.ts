import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const source = (path: string): string => new URL(path, import.meta.url).href
const programs = fileURLToPath(new URL('.', import.meta.url))

/** What open sockets must never do is keep a process from ending: each program runs for itself. */
async function program(text: string, { worker = false } = {}): Promise<{ code: number | null; output: string }> {
  const script = `
    import { openUdpSocket } from '${source('../sockets/udp-socket.ts')}'
    import { openRouteControl } from '${source('../netlink/route-control.ts')}'
    const socket = openUdpSocket({ address: '127.0.0.1' })
    const other = openUdpSocket({ address: '127.0.0.1' })
    const wake = () => other.send(Buffer.from('wake'), socket.local)
    ${text}`
  const inWorker = `
    import { Worker } from 'node:worker_threads'
    new Worker(new URL('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(script))}), { execArgv: ['--conditions=tunnel-source'] })
      .on('exit', (code) => (process.exitCode = code))`
  const child = spawn(process.execPath, ['--conditions=tunnel-source', '--input-type=module', '-e', worker ? inWorker : script], {
    cwd: programs,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 8000,
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describe.skipIf(process.platform !== 'linux').concurrent('a process with open sockets', () => {
  it.each([
    ['ends when the last is closed', `socket.start(() => { console.log('heard'); socket.close() }); wake()`, 0, 'heard'],
    ['ends when none keeps it alive', `socket.start(() => {}); socket.unref(); openRouteControl().watch(() => {}); console.log('idle')`, 0, 'idle'],
    ['ends by process.exit', `socket.start(() => {}); setTimeout(() => process.exit(3), 20)`, 3, ''],
    ['ends by process.exit within a batch', `socket.start(() => process.exit(4)); wake()`, 4, ''],
    ['ends by process.exit with datagrams waiting', `socket.start(() => {}); setImmediate(() => { wake(); setImmediate(() => process.exit(5)) })`, 5, ''],
    ['ends by an exception', `socket.start(() => { throw new Error('mistake') }); wake()`, 1, 'mistake'],
  ])('%s', async (_, text, code, output) => {
    const result = await program(text)
    expect(result.code).toBe(code)
    expect(result.output).toContain(output)
  })

  it('stays while one is open', async () => {
    const { code, output } = await program(`socket.start(() => { console.log('late'); process.exit(6) }); setTimeout(wake, 100).unref()`)
    expect([code, output]).toEqual([6, 'late\n'])
  })

  it('may be a worker, which ends as well', async () => {
    const heard = await program(`socket.start(() => { console.log('heard'); socket.close() }); wake()`, { worker: true })
    expect(heard.code).toBe(0)
    expect(heard.output).toContain('heard')
    expect((await program(`socket.start(() => {}); setTimeout(() => process.exit(7), 20)`, { worker: true })).code).toBe(7)
  })
})
