/**
 * Scripts that were written for the original may say `--verbose=true` or `--cli-agent=false`: its option parser takes
 * a value for a boolean in that form only. Commander knows no such form, so it is resolved before.
 */
export function resolveBooleanValues(argv: readonly string[], booleans: ReadonlySet<string>): string[] {
  const end = argv.indexOf('--')
  return argv.flatMap((argument, index) => {
    if (end !== -1 && index > end) return [argument]
    const [, flag, value] = /^(-{1,2}[A-Za-z][\w-]*)=(true|false|1|0)$/.exec(argument) ?? []
    if (flag === undefined || !booleans.has(flag)) return [argument]
    return value === 'true' || value === '1' ? [flag] : []
  })
}

/**
 * Of `name` the first word that is no option begins a command of the user's: from there on, and behind `--`, nothing is an option of ours.
 * `valueFlags` are the options behind which a value stands.
 */
export function splitCommand(argv: readonly string[], name: string, valueFlags: ReadonlySet<string>): { own: readonly string[]; command: readonly string[] } {
  let named = false
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (word === '--') return named ? { own: argv.slice(0, index), command: argv.slice(index + 1) } : { own: argv, command: [] }
    if (word.startsWith('-') && word !== '-') {
      if (takesNext(word, valueFlags)) index += 1
    } else if (named) return { own: argv.slice(0, index), command: argv.slice(index) }
    else if (word === name) named = true
    else break
  }
  return { own: argv, command: [] }
}

/** `--identity FILE`, `-i FILE`, `-vi FILE`; not `--identity=FILE`, `-iFILE`. */
function takesNext(word: string, valueFlags: ReadonlySet<string>): boolean {
  if (word.startsWith('--')) return valueFlags.has(word)
  const letters = [...word.slice(1)]
  return letters.findIndex((letter) => valueFlags.has(`-${letter}`)) === letters.length - 1
}
