interface Block {
  readonly bytes: Uint8Array
  used: number
}

const blockBytes = 16 * 1024

/** Received bytes of a flow that nobody takes at present. Copies; small chunks share a block, so that a peer cannot make many. */
export class ReceiveQueue {
  #blocks: Block[] = []
  #bytes = 0

  /** Memory taken. */
  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#blocks.length === 0
  }

  push(chunk: Uint8Array): void {
    let block = this.#blocks.at(-1)
    if (block === undefined || block.used + chunk.length > block.bytes.length) {
      block = { bytes: new Uint8Array(Math.max(blockBytes, chunk.length)), used: 0 }
      this.#blocks.push(block)
      this.#bytes += block.bytes.length
    }
    block.bytes.set(chunk, block.used)
    block.used += chunk.length
  }

  shift(): Uint8Array | undefined {
    const block = this.#blocks.shift()
    if (block === undefined) return undefined
    this.#bytes -= block.bytes.length
    return block.bytes.subarray(0, block.used)
  }

  clear(): void {
    this.#blocks = []
    this.#bytes = 0
  }
}
