/** Fewer columns than these are no use to break lines for: a word would stand on each. */
const leastColumns = 24

/**
 * A text as lines of at most `columns` characters, broken between words; a longer word stays whole, so that a path can be
 * copied. Without a number, as for a file or a pipe, it is one line.
 */
export function wrapText(text: string, columns: number | undefined): string[] {
  if (columns === undefined || columns < leastColumns || text.length <= columns) return [text]
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
