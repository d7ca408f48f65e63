import { interceptorCompliance } from '../compliance.ts'
import type { WantedListener } from '../contracts/interceptor.ts'
import { createMemoryInterceptor } from './memory-interceptor.ts'

interceptorCompliance('the memory interceptor', async () => {
  const interceptor = createMemoryInterceptor()
  const ports = new Map<string, number>()
  const portOf = (service: string): number => {
    const port = ports.get(service) ?? 8_000 + ports.size
    ports.set(service, port)
    return port
  }
  const listener = (service: string): WantedListener => ({ service, protocol: 'tcp', port: portOf(service) })
  return {
    interceptor,
    table: (...services) => ({ listeners: services.map(listener), intercepts: [] }),
    breakService: async (service, broken) => interceptor.breakPort(portOf(service), broken),
    connect: (service, signal) => interceptor.connect(portOf(service), signal),
    close: () => interceptor.close(),
  }
})
