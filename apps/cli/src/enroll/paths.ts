import { extname, resolve } from 'node:path'
import { CodedError } from '@tunnel/flow'

/** For messages. */
export function nameOfSource(source: string): string {
  if (source === '-') return 'standard input'
  return source.startsWith('env:') ? `environment variable ${source.slice('env:'.length)}` : source
}

const isFile = (source: string): boolean => source !== '-' && !source.startsWith('env:')

export interface EnrollPaths {
  /** Where the token comes from: a path, `-` or `env:NAME`. */
  readonly token: string
  /** The token's path when it is a file: what `--rm` removes. */
  readonly tokenFile: string | undefined
  readonly identityFile: string
}

/** The rules for names of the original (protocol section 1.5), decided before the one-time token is spent. */
export function chooseEnrollPaths(options: { argument?: string | undefined; jwt?: string | undefined; out?: string | undefined }): EnrollPaths {
  if (options.argument !== undefined && options.jwt !== undefined && options.argument !== options.jwt) {
    throw new CodedError('usage.token', `two tokens were given: '${options.argument}' and '${options.jwt}'; one enrollment takes one`)
  }
  const token = options.jwt ?? options.argument
  if (token === undefined || token === '') {
    throw new CodedError('usage.token', 'no token was given: ziti-tunnel enroll TOKEN.jwt')
  }
  if (options.out === '') throw new CodedError('usage.output', 'the name of --out is empty: say where the identity goes')
  const identityFile = options.out ?? defaultOutput(token)
  if (isFile(token) && resolve(token) === resolve(identityFile)) {
    throw new CodedError('usage.output', `'${identityFile}' is the token itself; choose another file for the identity with --out`)
  }
  return { token, tokenFile: isFile(token) ? token : undefined, identityFile }
}

function defaultOutput(token: string): string {
  if (!isFile(token)) throw new CodedError('usage.output', `a token from ${nameOfSource(token)} has no file name: say with --out where the identity goes`)
  const extension = extname(token)
  if (extension === '.json') throw new CodedError('usage.output', `'${token}' has the name of an identity, not of a token: give the .jwt file, or say with --out where the identity goes`)
  return `${extension === '' ? token : token.slice(0, -extension.length)}.json`
}
