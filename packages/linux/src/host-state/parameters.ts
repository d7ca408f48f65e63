import { CodedError } from '@tunnel/flow'
import type { ChangeParameters } from './performer.ts'

/** Parameters come from other packages and from journals: each is looked at before it is used. */
export function textOf(parameters: ChangeParameters, name: string): string {
  const value = parameters[name]
  if (typeof value === 'string') return value
  throw wrong(name, 'a text')
}

export function numberOf(parameters: ChangeParameters, name: string): number {
  const value = parameters[name]
  if (typeof value === 'number') return value
  throw wrong(name, 'a number')
}

function wrong(name: string, wanted: string): CodedError {
  return new CodedError('journal.parameters', `a change of the host needs ${wanted} as "${name}"`, { detail: { name } })
}
