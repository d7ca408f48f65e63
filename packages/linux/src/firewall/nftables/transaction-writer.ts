import { NLM_F_ACK } from '../../netlink/message.ts'
import { batchMessage, familyInet, subsystemNftables } from './kernel-numbers.ts'
import { MessageWriter } from './message-writer.ts'

/** Netlink messages of which the kernel makes all or none. */
export interface Transaction {
  readonly messages: Uint8Array
  /** For each message the index of the change that it belongs to; -1: the table, or the brackets around all. */
  readonly changeOfMessage: readonly number[]
}

/**
 * Writes the messages of a transaction, and remembers why each is there. The kernel reports every refused message by
 * itself; a success is asked for once, of the last step: ten thousand acknowledgements would overrun the receive buffer.
 */
export class TransactionWriter {
  readonly table: string
  readonly writer = new MessageWriter()
  readonly #family: number
  readonly #changeOfMessage: number[] = []
  #change = -1
  #setId = 0
  #lastFlagsAt = 0

  constructor(table: string, family: number = familyInet) {
    this.table = table
    this.#family = family
    this.#bracket(batchMessage.begin)
  }

  /** What is written from here on belongs to this change. */
  beginChange(index: number): void {
    this.#change = index
  }

  /** One NFT_MSG_* message. */
  step(message: number, flags: number, fill: () => void): void {
    this.#lastFlagsAt = this.writer.lengthBytes + 6
    this.#changeOfMessage.push(this.#change)
    this.writer.message({ type: (subsystemNftables << 8) | message, flags, family: this.#family }, fill)
  }

  /** The kernel wants a number for each new set; rules of the same transaction find sets without a name by it. */
  nextSetId(): number {
    this.#setId += 1
    return this.#setId
  }

  finish(): Transaction {
    this.#change = -1
    this.#bracket(batchMessage.end)
    const messages = this.writer.written()
    messages[this.#lastFlagsAt] = (messages[this.#lastFlagsAt] ?? 0) | NLM_F_ACK
    return { messages, changeOfMessage: this.#changeOfMessage }
  }

  #bracket(type: number): void {
    this.#changeOfMessage.push(-1)
    this.writer.message({ type, flags: 0, resource: subsystemNftables })
  }
}
