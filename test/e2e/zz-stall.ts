import { createNetwork } from '@tunnel/devnet'
import { loadIdentity } from '@tunnel/config'
import { openOverlay } from '../../packages/edge/src/overlay.ts'
const network = await createNetwork({ auth: 'legacy', routers: 1 })
for (const name of ['dialer', 'host']) await network.createIdentity(name)
network.createService('encrypted', { dial: ['dialer'], bind: ['host'], encrypted: true })
const open = async (name: string) => openOverlay({ identity: await loadIdentity({ text: JSON.stringify(network.identityJson(name)), name }) })
const [dialer, host] = await Promise.all([open('dialer'), open('host')])
const svc = (o: typeof dialer) => [...o.services.values()].find(s => s.name === 'encrypted')!
const calls: any[] = []
const b = await host.bind(svc(host), {}, (c) => calls.push(c.accept()))
await b.ready
const chunk = new Uint8Array(65536)
for (let i = 0; i < 25; i++) {
  const client = await dialer.dial(svc(dialer), { protocol: 'tcp' })
  const server = calls.pop()
  const [near, far] = i % 2 ? [client, server] : [server, client]
  let drained = () => {}
  near.attach({ data() {}, end() {}, drain() { drained() }, close() {} })
  let got = 0
  far.attach({ data(c: Uint8Array) { got += c.length }, end() {}, drain() {}, close() {} })
  far.pause()
  let sent = 0, openFlag = true
  while (openFlag && sent < 200e6) {
    const d = new Promise<boolean>(r => { drained = () => r(true) })
    const wait = !near.send(chunk); sent += chunk.length
    if (wait) openFlag = await Promise.race([d, new Promise<boolean>(r => setTimeout(() => r(false), 300))])
  }
  console.log(i % 2 ? 'up' : 'down', (sent / 1e6).toFixed(1), JSON.stringify(dialer.stats().channels.map(c => [c.readingPaused, c.unsentBytes])), JSON.stringify(host.stats().channels.map(c => [c.readingPaused, c.unsentBytes])))
  far.resume()
  while (got < sent) await new Promise(r => setTimeout(r, 5))
  near.end(); far.end()
  await new Promise(r => setTimeout(r, 20))
}
await dialer.close(); await host.close(); await network.close()
