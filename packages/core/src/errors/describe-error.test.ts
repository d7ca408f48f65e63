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

  it('gives no advice where the message has its own', () => {
    const inUse = new CodedError('proxy.port-in-use', 'another program uses port 80. Stop it, or choose another port')
    expect(describeError(inUse)).toBe('another program uses port 80. Stop it, or choose another port (proxy.port-in-use)')
    expect(describeError(new CodedError('controller.timeout', 'Controller c:1 did not answer.'))).toBe('Controller c:1 did not answer. (controller.timeout)')
    expect(describeError(new CodedError('proxy.port-in-use', ''))).toMatch(/^Another program.* \(proxy\.port-in-use\)\. Stop that program/)
  })

  it('ends a sentence once', () => {
    expect(describeError(new CodedError('dial.no-service', 'No such service.'))).toMatch(/^No such service \(dial\.no-service\)\. Check/)
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
    expect(code).toMatch(/^[a-z]+(\.[a-z][a-z0-9-]*)*$/)
    for (const text of [meaning, next]) expect(text).toMatch(/^[A-Z`].*[^.]$/)
  })
})
