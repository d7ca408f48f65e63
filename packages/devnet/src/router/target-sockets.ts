import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Cancel } from '@tunnel/flow'
import type { Terminator } from './authority.ts'
import type { TargetEvents, TargetSocket } from './router-target.ts'

type Target = NonNullable<Terminator['target']>

export interface SocketAnswer {
  readonly opened: (socket: TargetSocket) => void
  readonly failed: (reason: string) => void
}

/** Written to a TCP target and not yet taken by the kernel. */
const roomBytes = 256 * 1024

/** Connects to a target: exactly one answer, none after the returned function was called. */
export function openTargetSocket(target: Target, answer: SocketAnswer): Cancel {
  return target.protocol === 'tcp' ? openTcp(target, answer) : openUdp(target, answer)
}

function openTcp({ host, port }: Target, answer: SocketAnswer): Cancel {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  let events: TargetEvents | undefined
  let state: 'connecting' | 'open' | 'closed' = 'connecting'
  socket.once('connect', () => {
    state = 'open'
    answer.opened({
      get writable() {
        return socket.writableLength < roomBytes
      },
      // Not corked: gathering the writes of a turn was measured, and cost 40 % more.
      write: (bytes) => socket.write(bytes),
      end: () => socket.end(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      close() {
        state = 'closed'
        socket.destroySoon()
      },
      start(given) {
        events = given
        socket.on('data', given.data)
        socket.on('end', given.ended)
        socket.on('drain', given.drained)
      },
    })
  })
  socket.on('error', (error) => {
    if (state === 'connecting') answer.failed(`dial tcp ${host}:${port}: ${error.message}`)
    else if (state === 'open') events?.failed()
    state = 'closed'
  })
  return () => {
    if (state === 'connecting') state = 'closed'
    if (events === undefined) socket.destroy()
  }
}

function openUdp({ host, port }: Target, answer: SocketAnswer): Cancel {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  let events: TargetEvents | undefined
  let state: 'connecting' | 'open' | 'closed' = 'connecting'
  let paused = false
  const close = (): void => {
    if (state === 'closed') return
    state = 'closed'
    socket.close()
  }
  socket.on('error', (error) => {
    if (state === 'connecting') {
      close()
      answer.failed(`dial udp ${host}:${port}: ${error.message}`)
    }
    // Afterwards: an ICMP "port unreachable" for one datagram, which ends nothing.
  })
  socket.connect(port, host, () => {
    if (state === 'closed') return
    state = 'open'
    answer.opened({
      writable: true,
      write: (bytes) => {
        if (state === 'open') socket.send(bytes, () => {})
      },
      // A datagram flow has no half (protocol section 5.6).
      end: () => {},
      pause: () => (paused = true),
      resume: () => (paused = false),
      close,
      start(given) {
        events = given
        socket.on('message', (datagram) => {
          if (!paused) given.data(datagram)
        })
      },
    })
  })
  return () => {
    if (events === undefined) close()
  }
}
