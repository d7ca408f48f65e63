import { describe, expect, it } from 'vitest'
import { addCounts, countReport, countsLine, failuresOf } from './report.ts'

describe('the closing line', () => {
  const green = { fullName: 'adds', status: 'passed' }
  const report = {
    numPassedTests: 3, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1,
    testResults: [
      { name: 'broken.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
      { name: 'one-red.test.ts', status: 'failed', assertionResults: [green, { fullName: 'subtracts', status: 'failed', failureMessages: ['expected 1 to be 2\n    at one-red.test.ts:3'] }] },
      { name: 'green.test.ts', status: 'passed', assertionResults: [green] },
    ],
  }

  it('counts a file that does not load as a failure', () => {
    expect(countReport(report)).toEqual({ passed: 3, failed: 2, skipped: 3 })
  })

  it('comes after the names and reasons of what failed', () => {
    expect(failuresOf(report)).toEqual(['broken.test.ts\n    no such module', 'one-red.test.ts > subtracts\n    expected 1 to be 2\n        at one-red.test.ts:3'])
  })

  it('says skipped only when something was', () => {
    expect(countsLine({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed')
    expect(countsLine(addCounts([{ passed: 2, failed: 0, skipped: 1 }, { passed: 1, failed: 1, skipped: 1 }]))).toBe('3 passed, 1 failed, 2 skipped')
  })
})
