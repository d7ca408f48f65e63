import { readFileSync } from 'node:fs'

export interface FrameVector {
  readonly name: string
  readonly contentType: number
  readonly sequence: number
  readonly replyFor?: number
  readonly headersAscending: readonly { readonly id: number; readonly valueHex: string }[]
  readonly bodyHex: string
  readonly frameHex: string
  readonly frameLength: number
}

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The `vectors` member of one file of `testdata/vectors`. */
export function readVectors<T>(name: string): T {
  const file = new URL(`../../testdata/vectors/${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: T }).vectors
}

export const frameVectors = (name: string): readonly FrameVector[] => readVectors<{ frames: FrameVector[] }>(name).frames
