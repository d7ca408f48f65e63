import { describe, expect, it } from 'vitest'
import { resolveBooleanValues } from './arguments.ts'

const booleans = new Set(['--cli-agent', '-v'])

describe('resolveBooleanValues', () => {
  it('resolves values of booleans and touches nothing else', () => {
    expect(resolveBooleanValues(['--cli-agent=false', '-v=true', 'proxy', '--bind=true', 'a=1:2'], booleans)).toEqual(['-v', 'proxy', '--bind=true', 'a=1:2'])
  })

  it('leaves an odd value for the parser to refuse', () => {
    expect(resolveBooleanValues(['--cli-agent=maybe'], booleans)).toEqual(['--cli-agent=maybe'])
  })

  it('stops at --', () => {
    expect(resolveBooleanValues(['--', '-v=true'], booleans)).toEqual(['--', '-v=true'])
  })
})
