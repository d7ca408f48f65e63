import { request } from 'node:https'
import { connect } from 'node:net'
import type { IdentityConfig } from '@tunnel/config'
import type { EdgeOverlay, RouterAddress } from '@tunnel/edge'
import { openOverlay } from '@tunnel/edge'
import type { Milliseconds } from '@tunnel/flow'
import { silentLog } from '@tunnel/flow'
import type { Session } from '../session.ts'
import type { Check } from './check.ts'
import { fail, ok, warn } from './check.ts'

const patience: Milliseconds = 8_000
/** Tokens and certificates of a network live for minutes at least; a clock that is off by more fails in strange ways. */
const clockTolerance: Milliseconds = 60_000

/** Controllers, clock, login, routers: what can be seen of the network with one identity. */
export async function checkNetwork(session: Session, identity: IdentityConfig): Promise<Check[]> {
  // Through an HTTP proxy only the login can tell.
  if (session.options.proxy !== undefined) return checkLogin(session, identity)
  const controllers = (await Promise.all(identity.controllers.map((url) => checkController(url, identity)))).flat()
  const reached = controllers.some(({ name, state }) => name === 'controller' && state === 'ok')
  return reached ? [...controllers, ...(await checkLogin(session, identity))] : controllers
}

async function checkController(url: string, { ca }: IdentityConfig): Promise<Check[]> {
  try {
    const started = performance.now()
    const date = await dateOf(url, ca)
    const took = Math.round(performance.now() - started)
    const reached = ok('controller', `${url} answers in ${took} ms`)
    return date === undefined ? [reached] : [reached, checkClock(date, Date.now())]
  } catch (error) {
    return [fail('controller', `${url}: ${messageOf(error)}`, 'check name, port and firewall on the way; behind an HTTP proxy use --proxy')]
  }
}

export function checkClock(theirs: number, ours: number): Check {
  // The header has whole seconds.
  const seconds = Math.round((ours - theirs) / 1000)
  if (Math.abs(seconds) * 1000 <= clockTolerance) return ok('clock', 'agrees with that of the controller')
  return fail('clock', `is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} that of the controller`, 'set the clock of this host (timedatectl set-ntp true)')
}

/** The wall clock of a server, by its Date header (RFC 9110 6.6.1). */
function dateOf(url: string, ca: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request(new URL('version', url.endsWith('/') ? url : `${url}/`), { ...(ca !== undefined && { ca }), timeout: patience }, (response) => {
      response.resume()
      const date = Date.parse(response.headers.date ?? '')
      resolve(Number.isNaN(date) ? undefined : date)
    })
    call.once('timeout', () => call.destroy(new Error(`no answer within ${patience / 1000} s`)))
    call.once('error', reject)
    call.end()
  })
}

async function checkLogin({ options }: Session, identity: IdentityConfig): Promise<Check[]> {
  let overlay: EdgeOverlay | undefined
  try {
    overlay = await openOverlay({ identity, proxy: options.proxy, signal: AbortSignal.timeout(patience), log: silentLog })
    const login = ok('login', `as ${overlay.identity.name}, who sees ${overlay.services.size} services`)
    const routers = await overlay.routers()
    if (routers.length === 0) return [login, fail('routers', 'this identity may use no edge router that is online', 'ask the network administrator for an edge-router policy')]
    return [login, ...(await Promise.all(routers.map(checkRouter)))]
  } catch (error) {
    return [fail('login', messageOf(error), 'check that the identity still exists and is enabled')]
  } finally {
    await overlay?.close()
  }
}

async function checkRouter({ host, port, url }: RouterAddress): Promise<Check> {
  const started = performance.now()
  const problem = await connectOnce(host, port)
  if (problem === undefined) return ok('router', `${url} is reached in ${Math.round(performance.now() - started)} ms`)
  return warn('router', `${url}: ${problem}`, 'open the way to it, or have another router given to this identity')
}

/** Undefined when it worked. */
function connectOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const settle = (problem?: string): void => {
      socket.destroy()
      resolve(problem)
    }
    socket.setTimeout(patience, () => settle(`no answer within ${patience / 1000} s`))
    socket.once('connect', () => settle())
    socket.once('error', (error) => settle(error.message))
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
