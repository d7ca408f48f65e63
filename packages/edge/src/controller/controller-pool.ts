import { CodedError, isCodedError, silentLog, type Log } from '@tunnel/flow'
import { shuffled, type Random } from './random.ts'

export interface ControllerPoolOptions {
  /** Base URLs; a URL without a path gets that of the client API. At least one. */
  readonly urls: readonly string[]
  readonly random?: Random
  readonly log?: Log
}

/**
 * The controllers of a network (protocol section 7.4): one is active; when it fails, the others are tried in random
 * order and the first that answers becomes active.
 */
export interface ControllerPool {
  /** Base URL without a trailing slash, like all others here. */
  readonly active: string
  readonly urls: readonly string[]
  /** Learned from a controller. URLs that are not `https:`, and more than the pool's bound of 32, are left out. */
  add(urls: readonly string[]): void
  /** Runs `attempt` at one controller after the other until one does not fail for a reason of its own. */
  run<T>(attempt: (base: string) => Promise<T>): Promise<T>
}

const maxControllers = 32
export const clientApiPath = '/edge/client/v1'

export function createControllerPool(options: ControllerPoolOptions): ControllerPool {
  const random = options.random ?? Math.random
  const log = options.log ?? silentLog
  const urls: string[] = []
  const add = (more: readonly string[]) => {
    for (const url of more) {
      const base = controllerBase(url)
      if (base !== undefined && !urls.includes(base) && urls.length < maxControllers) urls.push(base)
    }
  }
  add(options.urls)
  let active = urls[0] ?? noController(options.urls)
  return {
    get active() {
      return active
    },
    urls,
    add,
    async run(attempt) {
      const failed = active
      try {
        return await attempt(failed)
      } catch (first) {
        if (!isControllerFailure(first)) throw first
        for (const base of shuffled(urls.filter((url) => url !== failed), random)) {
          try {
            const result = await attempt(base)
            active = base
            log('info', 'edge/controller.pool', `now using controller ${base}`, { failed, reason: first.code })
            return result
          } catch (error) {
            if (!isControllerFailure(error)) throw error
          }
        }
        throw first
      }
    },
  }
}

/** `https://host:port/edge/client/v1`, or `undefined` for what is no HTTPS URL. */
export function controllerBase(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.hostname === '') return undefined
  const path = url.pathname.replace(/\/+$/, '')
  return `${url.origin}${path === '' ? clientApiPath : path}`
}

/** An answer of the controller below 500 is final: another one would say the same. */
function isControllerFailure(error: unknown): error is CodedError {
  if (!isCodedError(error)) return false
  switch (error.code) {
    case 'controller.unreachable':
    case 'controller.timeout':
    case 'controller.untrusted':
      return true
    case 'controller.unavailable':
      return error.detail['status'] !== 429
    default:
      return false
  }
}

function noController(urls: readonly string[]): never {
  throw new CodedError('controller.no-url', `No controller URL of the identity is usable (https://host:port): ${urls.join(', ') || 'there is none'}.`)
}
