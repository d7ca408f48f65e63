import { describe, expect, it } from 'vitest'
import { BlockPool } from './buffer/block-pool.ts'
import { Cubic } from './congestion/cubic.ts'
import { unlimited } from './congestion/unlimited.ts'
import { LossRecovery } from './loss/loss-recovery.ts'
import { SentSegment } from './loss/sent-segments.ts'
import { Receiver } from './receiver.ts'
import { Sender } from './sender.ts'
import { seqAdd, type Seq } from './seq.ts'
import { TcpReports } from './tcp-report.ts'
import { UrgentPointers } from './urgent.ts'

const start = 0 as Seq
const half = 2 ** 30

/** A connection on which `gibibytes` have come and gone, of which it is to remember nothing. `onSegment` sees all that goes out. */
function senderAfter(gibibytes: number, before: (sender: Sender) => void = () => {}, onSegment: (seq: Seq) => void = () => {}) {
  const mss = 2 ** 26
  const sender = new Sender({
    pool: new BlockPool(),
    initialSequence: start,
    createCongestion: unlimited,
    mss,
    offloadBytes: 0,
    flightLimitBytes: half,
    tunables: { nagle: true, giveUpAfter: 1 },
  })
  const sent: [seq: Seq, length: number][] = []
  const output = {
    sendData(seq: Seq, length: number) {
      onSegment(seq)
      return sent.push([seq, length]) > 0
    },
    sendProbe: () => true,
  }
  let now = 0
  const exchange = (bytes: Uint8Array): void => {
    sender.write(bytes, () => {})
    sender.transmit(output, now)
    now += 1
    sender.updateWindow(half, start, sender.next)
    sender.acknowledge(sender.next, [], undefined, false, now)
  }
  sender.transmit(output, now)
  sender.acknowledge(seqAdd(start, 1), [], undefined, false, now)
  sender.established(half, start, sender.una)
  before(sender)
  exchange(new Uint8Array(10))
  const chunk = new Uint8Array(mss)
  for (let index = 0; index < (gibibytes * 2 ** 30) / mss; index += 1) exchange(chunk)
  sent.length = 0
  return { sender, sent, send: (bytes: number) => exchange(new Uint8Array(bytes)) }
}

describe('after more than two gibibytes, when numbers come round', () => {
  it('a loss still makes the window smaller, and a mark does', () => {
    for (const sign of ['loss', 'mark'] as const) {
      const mss = 1000
      const recovery = new LossRecovery((bytes) => new Cubic(bytes), start, mss)
      recovery.negotiated(mss, true)
      let next = start
      let now = 0
      const send = (bytes: number): void => {
        const end = seqAdd(next, bytes)
        recovery.pushed(new SentSegment(next, end, false, false, now))
        next = end
      }
      const ack = (number: Seq, sack: { start: Seq; end: Seq }[] = []): void => {
        now += 10
        recovery.acknowledge({ ack: number, next, sack, duplicate: undefined, echoedAt: undefined, bare: false, now })
      }
      for (let index = 0; index < 3; index += 1) {
        send(half)
        ack(next)
      }
      const una = next
      for (let index = 0; index < 6; index += 1) send(mss)
      if (sign === 'loss') ack(una, [{ start: seqAdd(una, mss), end: next }])
      else recovery.marked(next, now)
      expect([sign, recovery.reductions]).toEqual([sign, 1])
    }
  })

  it('a small segment is not held back for one from long ago (RFC 9293 3.7.4)', () => {
    const { sent, send } = senderAfter(3)
    send(5)
    expect(sent.map(([, length]) => length)).toEqual([5])
  })

  it('nothing is urgent that is not', () => {
    const reports = new TcpReports()
    const receiver = new Receiver(new BlockPool(), { initialBytes: 1000, mostBytes: 1000 }, 100)
    let urgent: UrgentPointers | undefined
    const pointers: number[] = []
    senderAfter(
      3,
      (sender) => {
        urgent = new UrgentPointers(sender, receiver, reports)
        urgent.announce(10)
      },
      (seq) => pointers.push(urgent?.pointer(seq) ?? 0),
    )
    expect(pointers.filter((pointer) => pointer > 0)).toEqual([10])
  })
})
