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
