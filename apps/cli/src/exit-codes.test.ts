import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { exitCodeOf, exitCodes, exitCodeTable, formatExitCodes } from './exit-codes.ts'

describe('exit codes', () => {
  it('are in the table, each once, in order', () => {
    expect(exitCodeTable.map(([code]) => code)).toEqual(Object.values(exitCodes))
    expect(formatExitCodes().split('\n')).toHaveLength(exitCodeTable.length)
  })

  it.each([
    [new CodedError('usage.token', ''), 2],
    [new CodedError('identity.expired', ''), 3],
    [new CodedError('enroll.refused', ''), 4],
    [new CodedError('dial.timeout', ''), 1],
    [new Error('usage.token'), 1],
    ['thrown text', 1],
  ])('follow the family of the error: %o', (error, code) => expect(exitCodeOf(error)).toBe(code))
})
