import { randomBytes, randomInt } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const text = (length: number) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')

/** Identities, routers, authenticators, requests: `BVgLd7EDp`. */
export const createShortId = (): string => text(9)

/** Services, configs, policies, terminators: `4T4rOTuHzCnzydUV7vaQjd`. */
export const createLongId = (): string => text(22)

/** Sessions of the legacy kind, service sessions, the instance: `cmwrtrnc700z79h7dto3fr6hw`. */
export function createCuid(now: number): string {
  const random = BigInt(`0x${randomBytes(16).toString('hex')}`).toString(36).padStart(24, '0').slice(-16)
  return `c${Math.floor(now).toString(36).padStart(8, '0')}${random}`
}
