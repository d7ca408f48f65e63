import { X509Certificate } from 'node:crypto'
import type { IdentityConfig } from '@tunnel/config'
import { isCodedError } from '@tunnel/flow'
import { loadIdentities } from '../identities.ts'
import type { Session } from '../session.ts'
import type { Check } from './check.ts'
import { fail, ok, warn } from './check.ts'

const name = 'identity'
const soonDays = 14
const dayMilliseconds = 86_400_000

export interface IdentityChecks {
  readonly checks: readonly Check[]
  readonly identities: readonly IdentityConfig[]
}

/** Whether the identities can be read and are of this time. Without one, the network cannot be looked at. */
export async function checkIdentities(session: Session, now: number = Date.now()): Promise<IdentityChecks> {
  const { identities: files, identityDirectory } = session.options
  if (files.length === 0 && identityDirectory === undefined) {
    return { checks: [warn(name, 'none was given: the network is not checked', 'ziti-tunnel doctor ziti.json')], identities: [] }
  }
  const problems: Check[] = []
  const log: Session['log'] = (severity, _source, message) => {
    if (severity === 'error') problems.push(warn(name, message, 'enroll it anew, or take the file away'))
  }
  try {
    const identities = await loadIdentities({ ...session, log })
    return { checks: [...problems, ...identities.map((identity) => checkValidity(identity, now))], identities }
  } catch (error) {
    if (!isCodedError(error)) throw error
    return { checks: [...problems, fail(name, error.message, 'ziti-tunnel enroll TOKEN.jwt makes an identity; ask the network administrator for a token')], identities: [] }
  }
}

function checkValidity({ source, cert }: IdentityConfig, now: number): Check {
  if (cert === undefined) return ok(name, `${source} can be read`)
  const { validFromDate, validToDate } = new X509Certificate(cert)
  const days = Math.floor((validToDate.getTime() - now) / dayMilliseconds)
  if (validFromDate.getTime() > now) return fail(name, `${source} is valid from ${validFromDate.toISOString()} only`, 'set the clock of this host')
  if (days < 0) return fail(name, `${source} expired on ${validToDate.toISOString().slice(0, 10)}`, 'ask the network administrator for a new token, and enroll')
  return days < soonDays ? warn(name, `${source} expires in ${days} days`, 'ask the network administrator for a new token') : ok(name, `${source}, valid for ${days} days`)
}
