/** dnsmasq with the same thousand names: the peer. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const free = createSocket('udp4')
await new Promise<void>((resolve) => free.bind(0, '127.0.0.1', resolve))
const { port } = free.address()
await new Promise<void>((resolve) => free.close(resolve))

const folder = mkdtempSync(join(tmpdir(), 'dnsmasq-'))
const config = join(folder, 'dnsmasq.conf')
writeFileSync(config, Array.from({ length: 1000 }, (_, index) => `host-record=h${index}.lan,10.0.${index >> 8}.${index & 255}\n`).join(''))
const words = ['--keep-in-foreground', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--no-resolv', '--no-hosts', '--user=', '--pid-file=', `--conf-file=${config}`]
const dnsmasq = spawn('dnsmasq', words, { stdio: ['ignore', 'ignore', 'inherit'] })
process.on('SIGTERM', () => {
  dnsmasq.kill()
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
})
setTimeout(() => console.log(JSON.stringify({ port })), 300)
