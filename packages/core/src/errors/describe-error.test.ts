import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { adviceFor, describeError } from './describe-error.ts'
import { errorGuide } from './error-guide.ts'

describe('describeError', () => {
  it('says what is wrong and what to do next, on one line', () => {
    const line = describeError(new CodedError('dial.no-terminator', 'service "web"\nhas no terminators'))
    expect(line).toBe(
      'service "web" has no terminators (dial.no-terminator). Start the tunneler or program that hosts the service, and check that it has Bind permission.',
    )
  })

  it('falls back to the advice of the family, and to none', () => {
    expect(adviceFor('dial.refused.by-host')).toBe(errorGuide['dial.refused'])
    expect(adviceFor('constructor')).toBeUndefined()
    expect(describeError(new CodedError('nobody.knows', 'strange'))).toBe('strange (nobody.knows)')
    expect(describeError(new Error('plain'))).toBe('plain')
    expect(describeError('text')).toBe('text')
  })
})

describe('errorGuide', () => {
  it.each(Object.entries(errorGuide))('%s has two sentences without final stop', (code, { meaning, next }) => {
    expect(code).toMatch(/^[a-z]+(\.[a-z-]+)*$/)
    for (const text of [meaning, next]) expect(text).toMatch(/^[A-Z`].*[^.]$/)
  })
})
