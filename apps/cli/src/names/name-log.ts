import type { Log } from '@tunnel/flow'

/** The original's words about its DNS server. */
export interface NameLog {
  added(name: string, addresses: readonly string[]): void
  removed(name: string): void
}

export function createNameLog(log: Log): NameLog {
  return {
    added(name, [address = '', ...others]) {
      const also = others.length > 0 ? { also: others.join(' ') } : {}
      log('info', 'dns.(*resolver).AddHostname', `adding ${name} = ${address} to resolver`, also)
    },
    removed: (name) => log('info', 'dns.(*resolver).RemoveHostname', `removing ${name} from resolver`),
  }
}
