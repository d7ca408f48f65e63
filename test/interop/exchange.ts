import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'

/**
 * One side of the exchange with the C SDK (peer/exchange.py is the other): the first sends a length and that many bytes and
 * is told the SHA-256 of what arrived, then the other way round. A byte each says that both are done; then our side ends.
 */
export async function exchange(stream: Duplex, first: boolean, bytes: number): Promise<void> {
  const source = new Source(stream)
  const send = async (): Promise<void> => {
    const sent = await sendLoad(stream, bytes)
    const arrived = (await source.take(64)).toString()
    if (arrived !== sent) throw new Error(`what was sent did not arrive: ${sent} became ${arrived}`)
  }
  const take = async (): Promise<void> => {
    const size = Number((await source.take(8)).readBigUInt64LE())
    stream.write(await source.hash(size))
  }
  for (const step of first ? [send, take] : [take, send]) await step()
  stream.write('.')
  await source.take(1)
  stream.end()
}

async function sendLoad(stream: Duplex, bytes: number): Promise<string> {
  const block = randomBytes(65_536)
  const hash = createHash('sha256')
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(bytes))
  stream.write(size)
  for (let left = bytes; left > 0; left -= block.length) {
    const part = left < block.length ? block.subarray(0, left) : block
    hash.update(part)
    if (!stream.write(part)) await once(stream, 'drain')
  }
  return hash.digest('hex')
}

/** Reads a stream in wanted amounts. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: Duplex) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = []
    await this.#each(bytes, (part) => parts.push(part))
    return Buffer.concat(parts)
  }

  async hash(bytes: number): Promise<string> {
    const hash = createHash('sha256')
    await this.#each(bytes, (part) => hash.update(part))
    return hash.digest('hex')
  }

  async #each(bytes: number, use: (part: Buffer) => void): Promise<void> {
    let left = bytes
    while (left > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next()
        if (done) throw new Error(`${left} bytes are missing`)
        this.#rest = value
      }
      const part = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(part.length)
      left -= part.length
      use(part)
    }
  }
}
