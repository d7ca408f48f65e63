import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, listening } from './ports.ts'
import { run, start } from './programs.ts'

export interface RealServer {
  readonly port: number
  stop(): Promise<unknown>
}

export const scratchFolder = (name: string): string => mkdtempSync(join(tmpdir(), `ziti-tunnel-${name}-`))

/** `GET /bytes/N` sends N pseudo-random bytes with their SHA-256 in a trailer-like second resource, `/hash/N`. */
export async function startWebServer(): Promise<RealServer> {
  const block = randomBytes(65_536)
  const hashOf = (bytes: number): string => {
    const hash = createHash('sha256')
    for (let left = bytes; left > 0; left -= block.length) hash.update(left < block.length ? block.subarray(0, left) : block)
    return hash.digest('hex')
  }
  const server = createServer((request, response) => {
    const [, kind, size] = /^\/(bytes|hash)\/(\d+)$/.exec(request.url ?? '') ?? []
    if (kind === 'hash') return void response.end(hashOf(Number(size)))
    if (kind !== 'bytes') {
      const body: Buffer[] = []
      request.on('data', (chunk: Buffer) => body.push(chunk))
      request.on('end', () => response.end(`${request.method} ${request.url} ${createHash('sha256').update(Buffer.concat(body)).digest('hex')}\n`))
      return
    }
    let left = Number(size)
    const more = (): void => {
      while (left > 0) {
        const chunk = left < block.length ? block.subarray(0, left) : block
        left -= chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { port, stop: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())) }
}

export interface SshServer extends RealServer {
  /** Options that let `ssh`, `scp` and `rsync -e` log in with no question. */
  readonly clientOptions: readonly string[]
}

export async function startSshServer(): Promise<SshServer> {
  const folder = scratchFolder('sshd')
  const key = (name: string) => run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  await key('host')
  await key('user')
  writeFileSync(join(folder, 'authorized'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 })
  mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const settings = [
    `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(folder, 'host')}`, `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'PasswordAuthentication no', `PidFile ${join(folder, 'pid')}`, 'Subsystem sftp internal-sftp',
  ]
  writeFileSync(join(folder, 'config'), `${settings.join('\n')}\n`)
  const daemon = start('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'config')])
  await daemon.line(/Server listening/)
  const clientOptions = ['-F', '/dev/null', '-i', join(folder, 'user'), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes']
  return { port, clientOptions, stop: () => daemon.stop() }
}

export async function startRsyncServer(module: string): Promise<RealServer> {
  const folder = scratchFolder('rsyncd')
  const port = await freePort()
  const config = join(folder, 'rsyncd.conf')
  writeFileSync(config, `use chroot = no\nuid = 0\ngid = 0\n[files]\npath = ${module}\nread only = no\n`)
  const daemon = start('rsync', ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${port}`, `--config=${config}`, `--log-file=${join(folder, 'log')}`])
  await listening(port)
  return { port, stop: () => daemon.stop() }
}

/** PostgreSQL refuses to be root: it runs as the user that its package made. */
export async function startPostgres(): Promise<RealServer> {
  const [programs] = globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed()
  const folder = scratchFolder('postgres')
  const { stdout } = await run('id', ['-u', 'postgres'])
  const user = Number(stdout)
  chownSync(folder, user, user)
  chmodSync(folder, 0o700)
  const asUser = ['-u', 'postgres', '--']
  const made = await run('runuser', [...asUser, `${programs}/initdb`, '-D', join(folder, 'data'), '-A', 'trust', '--no-sync'])
  if (made.code !== 0) throw new Error(made.stderr)
  const port = await freePort()
  const daemon = start('runuser', [...asUser, `${programs}/postgres`, '-D', join(folder, 'data'), '-k', folder, '-h', '127.0.0.1', '-p', String(port), '-c', 'fsync=off'])
  await daemon.line(/ready to accept connections/)
  return { port, stop: () => daemon.stop() }
}

export async function startIperfServer(): Promise<RealServer> {
  const port = await freePort()
  const daemon = start('iperf3', ['-s', '-B', '127.0.0.1', '-p', String(port), '--forceflush'])
  await daemon.line(/Server listening/)
  return { port, stop: () => daemon.stop() }
}
