const text = new TextDecoder()
/** Real ones are below 500. */
const longestReasonBytes = 1024

/** What a router or a host says in words, for messages and logs. A body may be 16 MiB, and an error is kept for long. */
export const parseReason = (body: Uint8Array): string => text.decode(body.subarray(0, longestReasonBytes))
