import { wantsColours } from '../log/create-log.ts'
import type { Terminal } from '../terminal.ts'

const styles = { bold: '1', dim: '2', green: '32', red: '31', cyan: '36' } as const
type Style = keyof typeof styles

/** Where the demo plays: standard output, with colours and a moving bar only on a terminal. */
export interface Stage {
  readonly animated: boolean
  paint(style: Style, text: string): string
  line(text?: string): void
  /** A finished step: a mark, what was done, and with what. */
  step(title: string, detail: string, ok?: boolean): void
  /** Text of another program, set apart. */
  quote(text: string): void
  /** Replaces the line that is being written; on a terminal only. */
  redraw(text: string): void
}

const titleColumns = 26

export function createStage({ stdout, environment }: Pick<Terminal, 'stdout' | 'environment'>): Stage {
  const colours = wantsColours(stdout, environment)
  const paint = (style: Style, text: string): string => (colours ? `\u001b[${styles[style]}m${text}\u001b[0m` : text)
  const write = (text: string): void => void stdout.write(text)
  const line = (text = ''): void => write(`${text}\n`)
  return {
    animated: stdout.isTTY === true && environment.TERM !== 'dumb',
    paint,
    line,
    step(title, detail, ok = true) {
      line(`  ${ok ? paint('green', '✓') : paint('red', '✗')} ${title.padEnd(titleColumns)} ${paint('dim', detail)}`)
    },
    quote(text) {
      for (const quoted of text.trimEnd().split('\n')) line(`    ${paint('dim', '│')} ${quoted}`)
    },
    redraw: (text) => write(`\r\u001b[2K${text}`),
  }
}
