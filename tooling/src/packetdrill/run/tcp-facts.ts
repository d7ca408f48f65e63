import type { TcpInfo } from '@tunnel/netstack'
import type { Facts } from './facts.ts'

/** Linux's numbers (`include/net/tcp_states.h`). */
const states = {
  ESTABLISHED: 1,
  'SYN-SENT': 2,
  'SYN-RECEIVED': 3,
  'FIN-WAIT-1': 4,
  'FIN-WAIT-2': 5,
  'TIME-WAIT': 6,
  CLOSED: 7,
  'CLOSE-WAIT': 8,
  'LAST-ACK': 9,
  CLOSING: 11,
} as const

const names: Facts = {
  TCP_ESTABLISHED: 1,
  TCP_SYN_SENT: 2,
  TCP_SYN_RECV: 3,
  TCP_FIN_WAIT1: 4,
  TCP_FIN_WAIT2: 5,
  TCP_TIME_WAIT: 6,
  TCP_CLOSE: 7,
  TCP_CLOSE_WAIT: 8,
  TCP_LAST_ACK: 9,
  TCP_LISTEN: 10,
  TCP_CLOSING: 11,
  TCP_CA_Open: 0,
  TCP_CA_Disorder: 1,
  TCP_CA_CWR: 2,
  TCP_CA_Recovery: 3,
  TCP_CA_Loss: 4,
}

const unlimited = 0x7fff_ffff

/** `struct tcp_info` of Linux, as far as our stack has it: windows in segments, times in microseconds. */
export function tcpFacts(info: TcpInfo): Facts {
  const { mssBytes } = info
  const segments = (bytes: number): number => Math.ceil(bytes / mssBytes)
  const threshold = info.slowStartThresholdBytes
  return {
    ...names,
    tcpi_state: states[info.state],
    tcpi_ca_state: { open: 0, fast: 3, timeout: 4 }[info.recovery],
    tcpi_snd_cwnd: Math.floor(info.congestionWindowBytes / mssBytes),
    tcpi_snd_ssthresh: Number.isFinite(threshold) ? Math.floor(threshold / mssBytes) : unlimited,
    tcpi_snd_mss: mssBytes,
    tcpi_unacked: segments(info.unacknowledgedBytes),
    tcpi_sacked: segments(info.sackedBytes),
    tcpi_lost: segments(info.lostBytes),
    tcpi_notsent_bytes: info.unsentBytes,
    tcpi_total_retrans: info.retransmissions,
    tcpi_rtt: Math.round((info.roundTrip ?? 0) * 1_000),
    tcpi_rto: Math.round(info.retransmissionTimeout * 1_000),
  }
}
