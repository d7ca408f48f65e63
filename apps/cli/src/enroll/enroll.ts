import { unlink } from 'node:fs/promises'
import { writeIdentity } from '@tunnel/config'
import { enroll } from '@tunnel/edge'
import { CodedError, isCodedError } from '@tunnel/flow'
import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { checkWritable, readCertificates, readToken } from './files.ts'
import { chooseEnrollPaths } from './paths.ts'

export interface EnrollArguments {
  readonly argument?: string | undefined
  readonly jwt?: string
  readonly out?: string
  readonly keyAlg: 'EC' | 'RSA'
  readonly ca?: string
  readonly rm?: boolean
}

const source = 'ziti-tunnel/subcmd.enroll'

/** Everything that can be checked is checked before the token is used: it works once. */
export async function runEnroll({ log, terminal }: Session, options: EnrollArguments): Promise<ExitCode> {
  const { token, tokenFile, identityFile } = chooseEnrollPaths(options)
  await checkWritable(identityFile)
  const jwt = await readToken(token, terminal.environment)
  const ca = options.ca === undefined ? undefined : await readCertificates(options.ca)
  log('info', source, `generating ${options.keyAlg} key`)
  const identity = await asEnrollError(() => enroll({ jwt, keyAlgorithm: options.keyAlg, log, ...(ca !== undefined && { ca }) }))
  await asEnrollError(() => writeIdentity(identityFile, { ...identity }), '; the token is spent: ask for a new one')
  log('info', source, `enrolled successfully. identity file written to: ${identityFile}`)
  if (options.rm === true && tokenFile !== undefined) {
    await unlink(tokenFile).catch((error: Error) => log('warn', source, `the token could not be removed: ${error.message}`))
  }
  return exitCodes.ok
}

/** Whatever fails on the way is a failed enrollment: the exit code says so. */
async function asEnrollError<T>(work: () => Promise<T>, consequence = ''): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isCodedError(error) && !error.code.startsWith('enroll.')) throw new CodedError(`enroll.${error.code}`, `${error.message}${consequence}`, { cause: error })
    throw error
  }
}
