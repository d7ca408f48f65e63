const tag = { integer: 0x02, objectIdentifier: 0x06, sequence: 0x30, set: 0x31, certificates: 0xa0, revocations: 0xa1 }
const signedDataOid = Buffer.from('2a864886f70d010702', 'hex')
const dataOid = Buffer.from('2a864886f70d010701', 'hex')

/**
 * A certs-only PKCS#7 (RFC 7030 4.1.3) as base64 in lines of 64 characters, octet for octet in the form of a real
 * controller: no content, an empty list of revocations, no signers. The X.509 library writes an (empty) content instead.
 */
export function encodeCertsOnly(certificates: readonly Uint8Array[]): string {
  const signedData = encode(
    tag.sequence,
    encode(tag.integer, Buffer.of(1)),
    encode(tag.set),
    encode(tag.sequence, encode(tag.objectIdentifier, dataOid)),
    encode(tag.certificates, ...certificates),
    encode(tag.revocations),
    encode(tag.set),
  )
  const message = encode(tag.sequence, encode(tag.objectIdentifier, signedDataOid), encode(0xa0, signedData))
  return (message.toString('base64').match(/.{1,64}/g) ?? []).join('\n')
}

function encode(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(type, ...encodeLength(body.length)), body])
}

/** DER definite length (X.690 8.1.3). */
function encodeLength(length: number): number[] {
  if (length < 0x80) return [length]
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return [0x80 | octets.length, ...octets]
}
