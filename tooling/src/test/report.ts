/** The members of vitest's JSON report that we count. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    /** The file's path. */
    readonly name: string
    readonly status: string
    /** Why the file could not be loaded. */
    readonly message?: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages?: readonly string[] | null }[]
  }[]
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A file that could not even be loaded has no test of its own: it counts as one failure. */
export function countReport(report: VitestReport): Counts {
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.testResults.filter(couldNotLoad).length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

const couldNotLoad = ({ status, assertionResults }: VitestReport['testResults'][number]): boolean => status === 'failed' && assertionResults.length === 0

/** What failed, a paragraph each, to stand at the end of a log of which often only the end is kept. */
export function failuresOf(report: VitestReport): string[] {
  return report.testResults.flatMap((file) => {
    if (couldNotLoad(file)) return [`${file.name}\n${firstLines(file.message)}`]
    const failed = file.assertionResults.filter(({ status }) => status === 'failed')
    return failed.map(({ fullName, failureMessages }) => `${file.name} > ${fullName}\n${firstLines(failureMessages?.join('\n'))}`)
  })
}

const firstLines = (text = ''): string => text.split('\n').slice(0, 12).map((line) => `    ${line.trimEnd()}`).join('\n')

export const addCounts = (all: readonly Counts[]): Counts => ({
  passed: all.reduce((sum, { passed }) => sum + passed, 0),
  failed: all.reduce((sum, { failed }) => sum + failed, 0),
  skipped: all.reduce((sum, { skipped }) => sum + skipped, 0),
})

export const countsLine = ({ passed, failed, skipped }: Counts): string => `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
