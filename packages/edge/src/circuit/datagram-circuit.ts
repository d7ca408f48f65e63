import { CodedError, copyBytes, createAttachedError, maxDatagramBytes, type DatagramFlow, type DatagramHandler, type FlowInfo } from '@tunnel/flow'
import { DataFlag } from '../wire.ts'
import { isOrderlyClose } from './close-reason.ts'
import type { Connection } from './connection.ts'
import { MultipartBatch, parseMultipart } from './multipart.ts'

/** Kept before there is a handler. */
const earlyDatagrams = 64
const earlyBytes = 256 * 1024
/** Datagrams of one turn that share a message, for peers that take such. */
const batchBytes = 16 * 1024

/** A circuit to a service that carries datagrams: one message is one datagram, or several with their lengths. */
export class DatagramCircuit implements DatagramFlow {
  readonly info: FlowInfo
  readonly #connection: Connection
  #handler: DatagramHandler | undefined
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #batch: MultipartBatch | undefined
  #dropped = 0
  #closing: { readonly error?: CodedError } | undefined
  #closeTold = false

  constructor(connection: Connection, info: FlowInfo) {
    this.#connection = connection
    this.info = info
    connection.listen({
      message: (body, flags) => this.#message(body, flags),
      // Datagram flows have no half-close (protocol section 5.6).
      fin: () => this.#end(),
      drained: () => {},
      peerClosed: (reason) => this.#end(isOrderlyClose(reason) ? undefined : new CodedError('circuit.reset', `the far end closed the circuit: ${reason}`, { detail: { reason } })),
      failed: (error) => this.#end(error),
    })
  }

  get dropped(): number {
    return this.#dropped
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    queueMicrotask(() => this.#advance())
  }

  send(datagram: Uint8Array): boolean {
    const { channel, state } = this.#connection
    if (this.#closing || datagram.length > maxDatagramBytes || channel.full || state !== 'open') {
      this.#dropped += 1
      return false
    }
    if (this.#connection.peerTakesMultipart) this.#sendBatched(datagram)
    else this.#connection.sendMessage(datagram)
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing) return
    this.#flushBatch()
    this.#end(error)
  }

  #sendBatched(datagram: Uint8Array): void {
    const batch = (this.#batch ??= new MultipartBatch(batchBytes))
    if (batch.add(datagram)) {
      if (batch.parts === 1) queueMicrotask(() => this.#flushBatch())
      return
    }
    this.#flushBatch()
    if (!batch.add(datagram)) return this.#connection.sendMessage(datagram)
    queueMicrotask(() => this.#flushBatch())
  }

  #flushBatch(): void {
    if (this.#batch === undefined || this.#batch.parts === 0 || this.#closing) return
    const { body, multipart } = this.#batch.take()
    this.#connection.sendMessage(body, multipart ? DataFlag.MultipartMessage : 0)
  }

  #message(body: Uint8Array, flags: number): void {
    if (this.#closing) return
    if ((flags & DataFlag.MultipartMessage) === 0) return this.#receive(body)
    const parts = parseMultipart(body)
    if (parts === undefined) {
      this.#dropped += 1
      return
    }
    for (const part of parts) if (!this.#closing) this.#receive(part)
  }

  #receive(datagram: Uint8Array): void {
    if (this.#handler && this.#early.length === 0) return this.#handler.message(datagram)
    if (this.#early.length >= earlyDatagrams || this.#earlyBytes + datagram.length > earlyBytes) {
      this.#dropped += 1
      return
    }
    this.#early.push(copyBytes(datagram))
    this.#earlyBytes += datagram.length
  }

  #end(error?: CodedError): void {
    if (this.#closing) return
    this.#closing = { ...(error && { error }) }
    this.#connection.close(error?.code ?? '')
    queueMicrotask(() => this.#advance())
  }

  #advance(): void {
    const handler = this.#handler
    if (handler === undefined || this.#closeTold) return
    for (let datagram = this.#early.shift(); datagram; datagram = this.#early.shift()) handler.message(datagram)
    this.#earlyBytes = 0
    if (this.#closing === undefined) return
    this.#closeTold = true
    handler.close(this.#closing.error)
  }
}
