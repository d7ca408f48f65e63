import { CodedError } from '@tunnel/flow'
import { createAuthenticator } from '../controller/enroll.ts'
import type { ControllerContext } from '../controller/context.ts'
import { clientPath } from '../controller/context.ts'
import type { KeyedCertificate } from '../pki/certificate-authority.ts'
import { createShortId } from '../state/id.ts'
import type { Identity, Precedence } from '../state/identity.ts'
import { findByName, recordChange } from '../state/network-state.ts'

export interface IdentityOptions {
  readonly appData?: Readonly<Record<string, unknown>>
  readonly tags?: Readonly<Record<string, unknown>>
  /** Role attributes: `allow` takes them as `#role`. */
  readonly roles?: readonly string[]
  /** 0 to 65535; 0 by default. */
  readonly hostingCost?: number
  readonly hostingPrecedence?: Precedence
  /** By service name. */
  readonly serviceHostingCosts?: Readonly<Record<string, number>>
  readonly serviceHostingPrecedences?: Readonly<Record<string, Precedence>>
}

export interface CreatedIdentity {
  readonly id: string
  readonly name: string
  /** The content of a `.jwt` file: for one enrollment, within a week. */
  readonly enrollmentToken: string
}

/** An identity file (protocol section 1.1) as the Go client writes it. */
export interface IdentityJson {
  readonly ztAPI: string
  readonly ztAPIs: readonly string[]
  readonly configTypes: null
  readonly id: { readonly key: string; readonly cert: string; readonly ca: string }
  readonly enableHa: boolean
}

export interface IdentityAdmin {
  create(name: string, options?: IdentityOptions): Promise<CreatedIdentity>
  delete(name: string): void
  /** Enrolls the identity, unless that was done, and gives its file. */
  json(name: string): IdentityJson
  find(name: string): Identity
  /** Those with a file, and those that wait for their enrollment. */
  files(): { readonly enrolled: readonly string[]; readonly waiting: readonly { readonly name: string; readonly token: string }[] }
}

/** Made with the identity, so that its file is at hand at once; worth nothing until the file is asked for. */
interface Pending {
  readonly token: string
  readonly jwt: string
  readonly certificate: KeyedCertificate
}

export function createIdentityAdmin(context: ControllerContext): IdentityAdmin {
  const { state } = context
  const files = new Map<string, IdentityJson>()
  const pending = new Map<string, Pending>()
  const find = (name: string) => {
    const identity = findByName(state.identities, name)
    if (identity === undefined) throw new CodedError('devnet.unknown-identity', `no identity is named ${name}: create it first`)
    return identity
  }
  return {
    find,
    async create(name, options = {}) {
      if (findByName(state.identities, name) !== undefined) {
        throw new CodedError('devnet.duplicate', `an identity named ${name} exists: names are unique`)
      }
      const identity = createIdentity(name, options, state.now())
      state.identities.set(identity.id, identity)
      const { token, expiresAt } = state.enrollments.create(identity.id)
      const [jwt, certificate] = await Promise.all([
        signEnrollment(context, identity.id, token, expiresAt),
        context.certificates.issueClient({ name: identity.id, spiffe: `identity/${identity.id}` }),
      ])
      pending.set(identity.id, { token, jwt, certificate })
      return { id: identity.id, name, enrollmentToken: jwt }
    },
    delete(name) {
      const { id } = find(name)
      state.identities.delete(id)
      state.enrollments.remove(pending.get(id)?.token ?? '')
      pending.delete(id)
      files.delete(id)
      for (const session of state.apiSessions.list()) if (session.identityId === id) state.apiSessions.end(session.id)
      recordChange(state)
    },
    json(name) {
      const identity = find(name)
      const known = files.get(identity.id)
      if (known !== undefined) return known
      const prepared = pending.get(identity.id)
      if (prepared === undefined || identity.authenticator !== undefined) {
        throw new CodedError('devnet.enrolled', `${name} enrolled with its token, and its key is with the client that did: there is no file to give`)
      }
      state.enrollments.remove(prepared.token)
      identity.authenticator = createAuthenticator(prepared.certificate, state.now())
      identity.updatedAt = state.now()
      const file = createFile(context, prepared.certificate)
      files.set(identity.id, file)
      return file
    },
    files: () => ({
      enrolled: [...files.keys()].flatMap((id) => state.identities.get(id)?.name ?? []),
      waiting: [...pending].flatMap(([id, { token, jwt }]) => {
        const identity = state.identities.get(id)
        return identity !== undefined && state.enrollments.find(token) !== undefined ? [{ name: identity.name, token: jwt }] : []
      }),
    }),
  }
}

function createIdentity(name: string, options: IdentityOptions, now: number): Identity {
  return {
    id: createShortId(),
    name,
    createdAt: now,
    updatedAt: now,
    appData: options.appData ?? {},
    tags: options.tags ?? {},
    roleAttributes: options.roles ?? [],
    defaultHostingCost: options.hostingCost ?? 0,
    defaultHostingPrecedence: options.hostingPrecedence ?? 'default',
    serviceHostingCosts: options.serviceHostingCosts ?? {},
    serviceHostingPrecedences: options.serviceHostingPrecedences ?? {},
    sdkInfo: {},
    envInfo: {},
  }
}

/** Claims of protocol sections 1.3 and 11.2: `ctrls` holds channel addresses, not URLs. */
function signEnrollment({ signer, origin }: ControllerContext, id: string, token: string, expiresAt: number): Promise<string> {
  const claims = { iss: origin(), sub: id, aud: [''], exp: Math.floor(expiresAt / 1000), jti: token, em: 'ott' }
  return signer.sign({ ...claims, ctrls: [`tls:${new URL(origin()).host}`] })
}

function createFile({ certificates, origin }: ControllerContext, certificate: KeyedCertificate): IdentityJson {
  const api = origin() + clientPath
  const id = { key: `pem:${certificate.keyPem}`, cert: `pem:${certificate.chainPem}`, ca: `pem:${certificates.bundlePem}` }
  return { ztAPI: api, ztAPIs: [api], configTypes: null, id, enableHa: false }
}
