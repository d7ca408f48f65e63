/** Something is wrong with a script, or the stack does something else than it says. `message` begins with file and line. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
  readonly file: string
  readonly line: number

  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`)
    this.file = file
    this.line = line
  }
}
