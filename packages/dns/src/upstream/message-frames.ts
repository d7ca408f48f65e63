/** A message on a stream has its length in two bytes before it (RFC 1035 4.2.2). */
export function frameOf(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + message.length)
  frame[0] = message.length >>> 8
  frame[1] = message.length & 0xff
  frame.set(message, 2)
  return frame
}

/** Gives whole messages out of chunks as they come. Holds at most one message that is not whole, which is 64 KiB. */
export function createFrameSplitter(onMessage: (message: Uint8Array) => void): (chunk: Uint8Array) => void {
  const length = new Uint8Array(2)
  let lengthFilled = 0
  let message: Uint8Array | undefined
  let filled = 0

  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (!message) {
        length[lengthFilled] = chunk[at] ?? 0
        lengthFilled += 1
        at += 1
        if (lengthFilled < 2) continue
        message = new Uint8Array(((length[0] ?? 0) << 8) | (length[1] ?? 0))
        filled = 0
      }
      const piece = chunk.subarray(at, at + message.length - filled)
      message.set(piece, filled)
      filled += piece.length
      at += piece.length
      if (filled < message.length) continue
      const whole = message
      message = undefined
      lengthFilled = 0
      if (whole.length > 0) onMessage(whole)
    }
  }
}
