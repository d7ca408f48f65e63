import type { Service } from '@tunnel/config'
import { loadIdentity } from '@tunnel/config'
import type { ApplyReport, Interceptor, InterceptTable, Overlay, TableSource } from '@tunnel/core'
import { createTunneler } from '@tunnel/core'
import type { Network } from '@tunnel/devnet'
import { createNetwork } from '@tunnel/devnet'
import { enroll, openOverlay } from '@tunnel/edge'
import type { Endpoint, Flow } from '@tunnel/flow'
import { formatEndpoint } from '@tunnel/flow'
import { createProxyInterceptor } from '@tunnel/intercept-proxy'
import type { ProgramLog } from '../log/create-log.ts'
import { findFreePorts } from './free-port.ts'
import { createWebServer, serveEcho } from './servers.ts'
import type { Stage } from './stage.ts'

/** Everything that the demo needs, running: where programs of this machine reach the two servers. */
export interface DemoWorld {
  readonly web: Endpoint
  readonly echo: Endpoint
  close(): Promise<void>
}

const host = 'demo-host'
const client = 'demo-client'
const webService = 'hello.demo'
const echoService = 'echo.demo'
const localhost = '127.0.0.1'

/** Builds it as in life: network, enrollment, hosting, tunneler; each step is shown when it is done. */
export async function openDemoWorld(stage: Stage, log: ProgramLog): Promise<DemoWorld> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    // Against the order of building: nothing is closed under the feet of what uses it.
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const network = await startNetwork(stage, log)
    closers.push(() => network.close())
    const [hostOverlay, clientOverlay] = await Promise.all([join(network, host, log), join(network, client, log)])
    closers.push(async () => void (await Promise.all([hostOverlay.close(), clientOverlay.close()])))
    stage.step('Two identities', `${host} and ${client}, enrolled with one-time tokens`)
    await hostServers(hostOverlay)
    stage.step('Two hosted servers', `${webService} (HTTP) and ${echoService}, encrypted from end to end`)
    const { web, echo, stop } = await startTunneler(clientOverlay, log)
    closers.push(stop)
    stage.step('ziti-tunnel proxy', `${webService} on ${formatEndpoint(web)}, ${echoService} on ${formatEndpoint(echo)}`)
    return { web, echo, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startNetwork(stage: Stage, log: ProgramLog): Promise<Network> {
  const network = await createNetwork({ routers: 2, log: quiet(log) })
  for (const name of [webService, echoService]) network.createService(name, { encrypted: true, bind: [host], dial: [client] })
  stage.step('Ziti network', `controller on ${new URL(network.controllerUrl).host}, ${network.routers.join(', ')}`)
  return network
}

/** A new identity of the network, enrolled by its token as `ziti-tunnel enroll` does, and logged in. */
async function join(network: Network, name: string, log: ProgramLog): Promise<Overlay> {
  const { enrollmentToken } = await network.createIdentity(name)
  const enrolled = await enroll({ jwt: enrollmentToken, log })
  const identity = await loadIdentity({ text: JSON.stringify(enrolled), name })
  return openOverlay({ identity, log })
}

async function hostServers(overlay: Overlay): Promise<void> {
  const servers: Readonly<Record<string, (flow: Flow) => void>> = { [webService]: createWebServer(), [echoService]: serveEcho }
  await Promise.all(
    Object.entries(servers).map(async ([name, serve]) => {
      const service = await serviceOf(overlay, name)
      const binding = await overlay.bind(service, {}, (call) => serve(call.accept()))
      await binding.ready
    }),
  )
}

/** The service once the overlay knows it. */
function serviceOf(overlay: Overlay, name: string): Promise<Service> {
  return new Promise((resolve) => {
    const unsubscribe = overlay.watch(({ kind, service }) => {
      if (kind === 'removed' || service.name !== name) return
      resolve(service)
      queueMicrotask(() => unsubscribe()) // `watch` may report before it returns
    })
  })
}

async function startTunneler(overlay: Overlay, log: ProgramLog): Promise<{ web: Endpoint; echo: Endpoint; stop: () => Promise<void> }> {
  const [webPort = 0, echoPort = 0] = await findFreePorts(localhost, 2)
  const listeners: TableSource['listeners'] = [
    { service: webService, protocol: 'tcp', port: webPort },
    { service: echoService, protocol: 'tcp', port: echoPort },
  ]
  const { interceptor, listening } = withNotice(createProxyInterceptor({ bind: localhost, log }), listeners.length)
  const tunneler = createTunneler({ overlays: [overlay], interceptor, table: { listeners }, hosting: false, log })
  tunneler.start()
  await listening
  const at = (port: number): Endpoint => ({ address: localhost, port })
  return { web: at(webPort), echo: at(echoPort), stop: () => tunneler.stop(0) }
}

/** Tells when the interceptor has opened `count` listeners, or why it could not. */
function withNotice(inner: Interceptor, count: number): { interceptor: Interceptor; listening: Promise<void> } {
  let learn: (report: ApplyReport, wanted: InterceptTable) => void = () => {}
  const listening = new Promise<void>((resolve, reject) => {
    learn = ({ failed: [failure] }, { listeners }) => {
      if (failure !== undefined) reject(failure.error)
      else if (listeners.length === count) resolve()
    }
  })
  const interceptor: Interceptor = {
    kind: inner.kind,
    plan: (wanted) => inner.plan(wanted),
    async apply(wanted) {
      const report = await inner.apply(wanted)
      learn(report, wanted)
      return report
    },
    onRequest: (handler) => inner.onRequest(handler),
    close: () => inner.close(),
  }
  return { interceptor, listening }
}

/** The network's own lines are not what the demo is about, but for its complaints. */
function quiet(log: ProgramLog): ProgramLog {
  return (severity, ...rest) => {
    if (severity !== 'info' && severity !== 'debug') log(severity, ...rest)
  }
}
