export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What we promised, if anything. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number }
}

export const meets = ({ value, target }: Figure): boolean | undefined => {
  if (target === undefined) return undefined
  return 'atMost' in target ? value <= target.atMost : value >= target.atLeast
}

const round = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))

function targetText({ target }: Figure): string {
  if (target === undefined) return ''
  return 'atMost' in target ? `<= ${round(target.atMost)}` : `>= ${round(target.atLeast)}`
}

/** A plain table: name, value, unit, target, verdict. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [figure.name, round(figure.value), figure.unit, targetText(figure), { true: 'met', false: 'MISSED', undefined: '' }[String(meets(figure))] ?? ''])
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd()).join('\n')
}
