import type { AddressPattern } from '@tunnel/config'
import type { ApplyReport, Interceptor, InterceptTable } from '@tunnel/core'
import type { CodedError } from '@tunnel/flow'
import { toCodedError } from '@tunnel/flow'
import type { NameBook } from '../names/name-book.ts'
import { ipv4Names, nameOfPattern, wantedNames } from '../names/wanted-names.ts'

export interface NamedInterceptorOptions {
  readonly book: NameBook
  /** These names are answered now: for who keeps them elsewhere (a hosts file, the host's resolver). By name: why it cannot be kept. */
  readonly published?: (names: readonly string[]) => Promise<ReadonlyMap<string, CodedError>>
}

/**
 * An interceptor whose names are looked after: they have addresses before they are intercepted, and are answered after; the user is
 * told of them when programs can know them. A name that can have none costs its service, and no other.
 */
export function withNames(inner: Interceptor, { book, published }: NamedInterceptorOptions): Interceptor {
  return {
    kind: inner.kind,
    plan: (wanted) => inner.plan(wanted),
    async apply(wanted) {
      const names = wantedNames(wanted)
      const refused = await book.assign([...names.keys()], ipv4Names(wanted))
      const report = await inner.apply(withoutUnassigned(wanted, book))
      book.publish()
      const answered = [...names.keys()].filter((name) => !refused.has(name))
      const unknown = await tell(names, async () => {
        const failures = await published?.(answered)
        book.announce()
        return failures
      })
      return { ...report, failed: [...report.failed, ...failuresOf(names, refused), ...unknown] }
    },
    onRequest: (handler) => inner.onRequest(handler),
    close: () => inner.close(),
  }
}

/**
 * Names without an address. Those that were refused are told by who refused them; a wildcard of `--ip-assignment original` stands for
 * nothing until somebody asks for a name below it, which is no failure.
 */
function withoutUnassigned(wanted: InterceptTable, book: NameBook): InterceptTable {
  const isUnassigned = (pattern: AddressPattern): boolean => {
    const name = nameOfPattern(pattern)
    return name !== undefined && book.addressesOf(name).length === 0
  }
  if (!wanted.intercepts.some(({ intercept }) => intercept.addresses.some(isUnassigned))) return wanted
  const intercepts = wanted.intercepts.map(({ service, intercept }) => ({
    service,
    intercept: { ...intercept, addresses: intercept.addresses.filter((pattern) => !isUnassigned(pattern)) },
  }))
  return { ...wanted, intercepts: intercepts.filter(({ intercept }) => intercept.addresses.length > 0) }
}

type Failures = ApplyReport['failed'][number][]

function failuresOf(names: ReadonlyMap<string, readonly string[]>, refused: ReadonlyMap<string, CodedError>): Failures {
  return [...refused].flatMap(([name, error]) => (names.get(name) ?? []).map((service) => ({ service, error })))
}

async function tell(names: ReadonlyMap<string, readonly string[]>, published: () => Promise<ReadonlyMap<string, CodedError> | undefined>): Promise<Failures> {
  try {
    return failuresOf(names, (await published()) ?? new Map())
  } catch (error) {
    return [{ service: '*', error: toCodedError(error, 'resolver.update-failed') }]
  }
}

/** `proxy.v1` listeners beside an interceptor that knows addresses only, as the original's tproxy mode has them (protocol section 8.1). */
export function withListeners(inner: Interceptor, listeners: Interceptor): Interceptor {
  const parts = (wanted: InterceptTable): [Interceptor, InterceptTable][] => [
    [inner, { ...wanted, listeners: [] }],
    [listeners, { ...wanted, intercepts: [] }],
  ]
  return {
    kind: inner.kind,
    plan: (wanted) => parts(wanted).flatMap(([part, table]) => part.plan(table)),
    async apply(wanted) {
      const reports = await Promise.all(parts(wanted).map(([part, table]) => part.apply(table)))
      return {
        applied: reports.flatMap(({ applied }) => applied),
        removed: reports.flatMap(({ removed }) => removed),
        failed: reports.flatMap(({ failed }) => failed),
      }
    },
    onRequest(handler) {
      inner.onRequest(handler)
      listeners.onRequest(handler)
    },
    close: async () => void (await Promise.all([inner.close(), listeners.close()])),
  }
}
