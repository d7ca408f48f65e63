import { describe, expect, it } from 'vitest'
import { addCounts, countReport, countsLine } from './report.ts'

describe('the closing line', () => {
  it('counts a file that does not load as a failure', () => {
    const report = {
      numPassedTests: 3, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1,
      testResults: [
        { name: 'broken.test.ts', status: 'failed', assertionResults: [] },
        { name: 'one-red.test.ts', status: 'failed', assertionResults: [{}] },
        { name: 'green.test.ts', status: 'passed', assertionResults: [{}] },
      ],
    }
    expect(countReport(report)).toEqual({ passed: 3, failed: 2, skipped: 3 })
  })

  it('says skipped only when something was', () => {
    expect(countsLine({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed')
    expect(countsLine(addCounts([{ passed: 2, failed: 0, skipped: 1 }, { passed: 1, failed: 1, skipped: 1 }]))).toBe('3 passed, 1 failed, 2 skipped')
  })
})
