import { cutToBytes } from '../nftables/comment.ts'

/** XT_MAX_COMMENT_LEN is 256 with the final NUL. */
const commentMaxBytes = 255

/**
 * Any text as the argument of `--comment`, quoted for iptables-restore; undefined when nothing is left to say. Service
 * names come from the network: a line break would begin a command of its own, and restore refuses every argument that
 * begins with a dash and could be `-t`, quoted or not, so that dash gets a blank before it.
 */
export function quoteComment(text: string): string | undefined {
  const oneLine = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  if (oneLine === '') return undefined
  const comment = cutToBytes(oneLine.startsWith('-') ? ` ${oneLine}` : oneLine, commentMaxBytes)
  return `"${comment.replaceAll(/["\\]/g, '\\$&')}"`
}
