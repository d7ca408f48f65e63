import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { openTunLink } from '@tunnel/linux'
import { inNetworkNamespace } from '../../../tooling/src/wire/network-namespace.ts'
import { startProgram } from '../part.ts'
import { hasProgram, link, manyDescriptors, routeInto, type Forwarder } from './forwarder.ts'

/** As large as ours: with less both do worse. */
const mtu = 65_535
const tun2socksVersion = 'v2.6.0'
const gvisorVersion = 'v0.0.0-20260905035102-160fafc42237'
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ziti-tunnel-bench')

const run = (folder: string, environment: NodeJS.ProcessEnv, ...words: string[]): boolean =>
  spawnSync('go', words, { cwd: folder, env: { ...process.env, ...environment }, stdio: 'ignore', timeout: 300_000 }).status === 0

/** Built once, outside of this repository. Undefined where its registry does not give it. */
function buildTun2socks(): string | undefined {
  const folder = join(cache, `tun2socks-${tun2socksVersion}`)
  const program = join(folder, 'tun2socks')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  return run(folder, { GOBIN: folder }, 'install', `github.com/xjasonlyu/tun2socks/v2@${tun2socksVersion}`) ? program : undefined
}

/** The stack that is inside tun2socks, with a forwarder of some lines around it. */
function buildGvisor(): string | undefined {
  const folder = join(cache, `gvisor-${gvisorVersion}`)
  const program = join(folder, 'gvisor')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  copyFileSync(new URL('gvisor/main.go', import.meta.url), join(folder, 'main.go'))
  if (!existsSync(join(folder, 'go.mod'))) execFileSync('go', ['mod', 'init', 'gvisor'], { cwd: folder, stdio: 'ignore' })
  const steps = [['get', `gvisor.dev/gvisor@${gvisorVersion}`], ['mod', 'tidy'], ['build', '-o', program, '.']]
  return steps.every((words) => run(folder, {}, ...words)) ? program : undefined
}

/** tun2socks, or where it cannot be had, the same stack. Undefined without a recent go. */
export function goForwarder(): Forwarder | undefined {
  if (!hasProgram('go')) return undefined
  const program = buildTun2socks()
  if (program !== undefined) return overTun('tun2socks', [program, '-device', 'fd://3', '-proxy', 'direct://', '-mtu', String(mtu), '-loglevel', 'error'])
  const gvisor = buildGvisor()
  return gvisor === undefined ? undefined : overTun('gVisor', [gvisor, '3', String(mtu)])
}

const overTun = (name: string, command: readonly string[]): Forwarder => ({
  name,
  async start(network) {
    const { fd } = inNetworkNamespace(network.path, () => openTunLink({ name: link }))
    try {
      return await startProgram([...manyDescriptors, ...command], () => true, [fd])
    } finally {
      closeSync(fd)
      routeInto(network, mtu)
    }
  },
})
