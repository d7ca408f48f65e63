import { isCodedError } from '@tunnel/flow'

/** Every way in which the program ends. `--help` and the README print this table. */
export const exitCodes = {
  ok: 0,
  fatal: 1,
  usage: 2,
  identity: 3,
  enroll: 4,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeTable: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [exitCodes.ok, 'done; also after an orderly stop by SIGINT, SIGTERM or SIGHUP'],
  [exitCodes.fatal, 'FATAL: the program could not go on (the line says why), a check of `demo` or `doctor` failed, or nothing runs that `status` or `capture` could show'],
  [exitCodes.usage, 'the command line is wrong; nothing was started'],
  [exitCodes.identity, 'no identity could be used: missing, unreadable, wrong, or expired'],
  [exitCodes.enroll, 'enrollment failed; no identity was written'],
  [exitCodes.interrupted, 'a second SIGINT: stopped at once, without cleaning up'],
  [exitCodes.terminated, 'a second SIGTERM or SIGHUP: the same'],
]

/** Codes of errors begin with the name of what failed. */
const byPrefix: readonly (readonly [prefix: string, code: ExitCode])[] = [
  ['usage.', exitCodes.usage],
  ['identity.', exitCodes.identity],
  ['enroll.', exitCodes.enroll],
]

export function exitCodeOf(error: unknown): ExitCode {
  if (!isCodedError(error)) return exitCodes.fatal
  return byPrefix.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? exitCodes.fatal
}

export function formatExitCodes(): string {
  return exitCodeTable.map(([code, meaning]) => `  ${String(code).padEnd(5)} ${meaning}`).join('\n')
}
