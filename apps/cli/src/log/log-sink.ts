/** Where text for people goes: `process.stderr` or `process.stdout` in life. */
export interface LogSink {
  readonly isTTY?: boolean
  /** Of a terminal. */
  readonly columns?: number
  write(text: string): unknown
}
