import type { InterceptTable, WantedIntercept } from '../contracts/interceptor.ts'
import { addressBits, formatAddress, parsePrefix, type Protocol } from '@tunnel/flow'
import type { AddressPattern } from '../contracts/pattern-prefix.ts'

export interface WantedOptions {
  /** Addresses, ranges, names. */
  readonly to: string | readonly string[]
  /** `443`, `[1, 65535]`. */
  readonly ports: number | readonly [number, number]
  readonly protocols?: readonly Protocol[]
  readonly from?: readonly string[]
}

/** As core makes it of an `intercept.v1`. */
export function wanted(name: string, { to, ports, protocols = ['tcp'], from }: WantedOptions): WantedIntercept {
  const [low, high] = typeof ports === 'number' ? [ports, ports] : ports
  return {
    service: { id: name, name, encryptionRequired: false, permissions: ['Dial'], config: {} },
    intercept: {
      protocols,
      addresses: [to].flat().map(patternOf),
      portRanges: [{ low, high }],
      ...(from && { allowedSourceAddresses: from.map(patternOf) }),
    },
  }
}

export function tableOf(...intercepts: readonly WantedIntercept[]): InterceptTable {
  return { listeners: [], intercepts }
}

function patternOf(text: string): AddressPattern {
  const prefix = parsePrefix(text)
  if (!prefix) return text.startsWith('*') ? { kind: 'wildcard', text, suffix: text.slice(1) } : { kind: 'host', text, name: text }
  const { family, low, length } = prefix
  const address = { family, value: low, text: formatAddress(family, low) }
  return length === addressBits[family] ? { kind: 'ip', text, ip: address } : { kind: 'cidr', text, network: address, prefixLength: length }
}
