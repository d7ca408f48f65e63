/** The pieces that answers about entities share: dates, links, references. */
export const dateText = (milliseconds: number): string => new Date(milliseconds).toISOString()

export interface Link { readonly href: string }

/** `_links` of an entity: itself and what hangs below it. */
export function links(entity: string, id: string, below: readonly string[] = []): Readonly<Record<string, Link>> {
  const self = `./${entity}/${id}`
  return { self: { href: self }, ...Object.fromEntries(below.map((name) => [name, { href: `${self}/${name}` }])) }
}

/** What every entity has in front. */
export function entityHead(
  entity: string, record: { readonly id: string; readonly createdAt: number; readonly updatedAt?: number }, below: readonly string[] = [],
) {
  const { id, createdAt, updatedAt = createdAt } = record
  return { _links: links(entity, id, below), createdAt: dateText(createdAt), id, tags: {}, updatedAt: dateText(updatedAt) }
}

const identityLinks = [
  'authenticators', 'edge-router-policies', 'edge-routers', 'enrollments', 'failed-service-requests', 'posture-data',
  'service-configs', 'service-policies', 'services',
]

export function identityReference({ id, name }: { readonly id: string; readonly name: string }) {
  const all = { ...links('identities', id, identityLinks), 'auth-policies': { href: './auth-policies/default' } }
  return { _links: all, entity: 'identities', id, name }
}

export const serviceLinks = ['configs', 'service-edge-router-policies', 'service-policies', 'terminators']

export const serviceReference = ({ id, name }: { readonly id: string; readonly name: string }) =>
  ({ _links: links('services', id, serviceLinks), entity: 'services', id, name })

export const policyReference = ({ id, name }: { readonly id: string; readonly name: string }) =>
  ({ _links: links('service-policies', id, ['identities', 'posture-checks', 'services']), entity: 'service-policies', id, name })

/** A reference to something that has no name but its kind: authentication policies, identity types. */
export const builtInReference = (entity: string, id: string, name: string) => ({ _links: links(entity, id), entity, id, name })
