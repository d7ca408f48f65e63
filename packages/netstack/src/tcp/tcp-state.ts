/** RFC 9293 3.3.2. LISTEN belongs to the table of half-open requests, not to a connection. */
export type TcpState =
  | 'CLOSED'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'

/**
 * Why a connection is over, other than by both ends' FIN.
 *
 * - `reset`: the peer sent RST. `refused`: it did so instead of answering our SYN.
 * - `timeout`: it answered nothing for too long. `unreachable`: ICMP said so while we were connecting.
 * - `aborted`: by us.
 */
export type TcpFailure = 'reset' | 'refused' | 'timeout' | 'unreachable' | 'aborted'
