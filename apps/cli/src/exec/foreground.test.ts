import { expect, it } from 'vitest'
import { isInForeground } from './foreground.ts'

it.each([
  ['4242 (node) S 4000 4242 4000 34816 4242 4194304 1', true],
  ['4242 (no) de) S 4000 4242 4000 34816 4242 4194304 1', true],
  ['4242 (node) S 4000 4242 4000 34816 9999 4194304 1', false],
  ['4242 (node) S 4000 4242 4000 0 -1 4194304 1', false],
])('%s', (stat, expected) => expect(isInForeground(stat)).toBe(expected))
