import type { Clock, Log, Milliseconds } from '@tunnel/flow'
import { systemClock } from '@tunnel/flow'

/** The original's words about its DNS server. */
export interface NameLog {
  /** Said once, until the name is removed. */
  added(name: string, addresses: readonly string[]): void
  /** A question has brought forth a name below a wildcard. Whoever asks must not fill the disk: of many at once, some are told. */
  asked(name: string, addresses: readonly string[]): void
  /** Of a name that was never said to be there, nothing. */
  removed(name: string): void
}

const mostAsked = 100
const window: Milliseconds = 60_000
const source = 'dns.(*resolver).AddHostname'

export function createNameLog(log: Log, clock: Clock = systemClock): NameLog {
  let since: Milliseconds = -Infinity
  let told = 0
  const present = new Set<string>()
  const say = (level: 'info' | 'debug', name: string, [address = '', ...others]: readonly string[]): void => {
    const also = others.length > 0 ? { also: others.join(' ') } : {}
    log(level, source, `adding ${name} = ${address} to resolver`, also)
  }
  return {
    added(name, addresses) {
      if (present.has(name)) return
      present.add(name)
      say('info', name, addresses)
    },
    asked(name, addresses) {
      if (clock.now() - since >= window) [since, told] = [clock.now(), 0]
      told += 1
      if (told === mostAsked + 1) log('info', source, `${mostAsked} names below wildcards were added within a minute; further ones are told by --verbose only`)
      say(told > mostAsked ? 'debug' : 'info', name, addresses)
    },
    removed(name) {
      if (present.delete(name)) log('info', 'dns.(*resolver).RemoveHostname', `removing ${name} from resolver`)
    },
  }
}
