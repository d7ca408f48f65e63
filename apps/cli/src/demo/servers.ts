import { createServer } from 'node:http'
import type { Flow } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'

const page = (url: string): string => `Hello from the other side!

You asked for ${url}. This server listens on no port of any machine:
it is reached through the Ziti network only, and what travels there is
encrypted from end to end.
`

/** The web server of the demo: a plain server of node:http, which takes its connections from the overlay. */
export function createWebServer(): (flow: Flow) => void {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(page(request.url ?? '/'))
  })
  return (flow) => server.emit('connection', toDuplex(flow))
}

/** The echo server of the demo: back-pressure and half-close go round too. */
export function serveEcho(flow: Flow): void {
  flow.attach({
    data(chunk, hold) {
      if (!flow.send(chunk, hold())) flow.pause()
    },
    end: () => flow.end(),
    drain: () => flow.resume(),
    close() {},
  })
}
