import { createServer, type AddressInfo, type Server } from 'node:net'
import { interceptorCompliance } from '@tunnel/core/compliance'
import { CodedError, type Flow } from '@tunnel/flow'
import { connectFlow } from '@tunnel/flow/node'
import { createProxyInterceptor } from './proxy-interceptor.ts'

const services = ['one', 'two', 'good', 'bad'] as const

interceptorCompliance('createProxyInterceptor', async () => {
  const interceptor = createProxyInterceptor({ bind: '127.0.0.1' })
  const ports = new Map<string, number>()
  for (const service of services) ports.set(service, await freePort())
  const portOf = (service: string) => ports.get(service) ?? 0
  const occupants = new Map<string, Server>()
  const flows: Flow[] = []

  return {
    interceptor,
    table: (...names) => ({
      listeners: names.map((service) => ({ service, protocol: 'tcp', port: portOf(service) })),
      intercepts: [],
    }),
    async breakService(service, broken) {
      const occupant = occupants.get(service)
      if (occupant) await closed(occupant)
      if (broken) occupants.set(service, await listening(portOf(service)))
    },
    async connect(service, signal) {
      const flow = await connectFlow({ host: '127.0.0.1', port: portOf(service) })
      flows.push(flow)
      signal?.addEventListener('abort', () => flow.reset(new CodedError('test.gone', 'the client goes away')))
      return flow
    },
    async close() {
      for (const flow of flows) flow.reset(new CodedError('test.over', 'the test is over'))
      for (const occupant of occupants.values()) occupant.close()
      await interceptor.close()
    },
  }
})

function listening(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server: Server = createServer().listen(port, '127.0.0.1', () => resolve(server))
  })
}

const closed = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()))

async function freePort(): Promise<number> {
  const server = await listening(0)
  const { port } = server.address() as AddressInfo
  await closed(server)
  return port
}
