import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { client } from './clients.ts'

/** Runs the example of an interceptor's README, in the folder `cwd`, beside the server that it leads to. Gives what it said, and what a client of the service heard. */
export async function playExample(example: string, cwd: URL): Promise<{ readonly told: string; readonly heard: string }> {
  const server = createServer((_request, response) => response.end('of our choice')).listen(8080, '127.0.0.1')
  const directory = mkdtempSync(join(tmpdir(), 'ziti-tunnel-example-'))
  const args = ['--conditions=tunnel-source', '--no-warnings', '--input-type=module-typescript', '--eval', example.replace('/run/my-proxy', directory)]
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const [told] = (await once(child.stdout, 'data')) as [Buffer]
  const heard = await client('curl', ['-sS', 'http://203.0.113.80/'])
  child.kill('SIGTERM')
  await once(child, 'close')
  server.close()
  rmSync(directory, { recursive: true })
  return { told: told.toString(), heard }
}
