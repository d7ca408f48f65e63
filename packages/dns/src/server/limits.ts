import type { DnsServerLimits } from './server.ts'

/** As documented at `DnsServerLimits`. */
export const defaultLimits: DnsServerLimits = {
  outstanding: 4096,
  answerTimeout: 10_000,
  udpBytes: 1232,
  loopbackUdpBytes: 4096,
  connections: 256,
  connectionIdle: 10_000,
  pipelined: 64,
  unsentBytes: 262_144,
}
