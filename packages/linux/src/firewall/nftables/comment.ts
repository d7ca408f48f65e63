/** nft reads comments of up to 128 bytes (its NFTNL_UDATA_COMMENT_MAXLEN); the kernel keeps 256 of all userdata. */
const commentMaxBytes = 128

/**
 * Any text as a comment that nft shows, and can read again: control characters become blanks, its quotes single ones,
 * and what is too long is cut between characters. Service names come from the network.
 */
export function printableComment(text: string): string {
  const oneLine = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').replaceAll('"', "'")
  return cutToBytes(oneLine, commentMaxBytes)
}

/** The longest beginning that takes at most so many bytes of UTF-8. */
export function cutToBytes(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes))
  return text.slice(0, read)
}

/** libnftnl's userdata: type (0 is the comment), length, text with its NUL. */
export function encodeComment(comment: string): Uint8Array {
  const text = Buffer.from(`${printableComment(comment)}\0`)
  return Buffer.concat([Uint8Array.of(0, text.length), text])
}

/** The comment among a rule's userdata; undefined when there is none, or a length lies. */
export function parseComment(userdata: Uint8Array): string | undefined {
  let at = 0
  while (at + 2 <= userdata.length) {
    const [type, length = 0] = userdata.subarray(at, at + 2)
    const value = userdata.subarray(at + 2, at + 2 + length)
    if (value.length < length) return undefined
    if (type === 0) return Buffer.from(value).toString().replace(/\0.*$/s, '')
    at += 2 + length
  }
  return undefined
}
