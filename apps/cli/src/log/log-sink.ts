/** Where text for people goes: `process.stderr` or `process.stdout` in life. */
export interface LogSink {
  readonly isTTY?: boolean
  write(text: string): unknown
}
