export type PolicyType = 'Dial' | 'Bind'

/**
 * Who may dial or bind a service. Real policies join roles of many services and identities; here each service has one
 * policy of each type, which is what the answers show of them.
 */
export interface Policy {
  readonly id: string
  readonly name: string
  readonly type: PolicyType
  readonly serviceId: string
  /** Identity names, `#role` attributes, or `#all`. */
  readonly identities: Set<string>
}

export function permits(policy: Policy, identity: { name: string; roleAttributes: readonly string[] }): boolean {
  const { identities } = policy
  return identities.has('#all') || identities.has(identity.name) || identity.roleAttributes.some((role) => identities.has(`#${role}`))
}
