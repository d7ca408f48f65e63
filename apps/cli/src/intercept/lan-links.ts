import { openRouteControl } from '@tunnel/linux'

export interface MissingLink {
  readonly name: string
  /** The links that there are, but for the loopback one. */
  readonly present: readonly string[]
}

/** Those of `--lanIf` that this host does not have: mistyped, or not there yet. */
export function missingLinks(names: readonly string[], links: () => readonly string[] = linksOfHost): MissingLink[] {
  if (names.length === 0) return []
  const present = links().filter((name) => name !== 'lo')
  return names.filter((name) => !present.includes(name)).map((name) => ({ name, present }))
}

export const tellMissing = ({ name, present }: MissingLink): string =>
  `--lanIf ${name}: this host has no such interface now (it has ${present.join(', ') || 'none'}); neighbours behind it are served when it is there`

function linksOfHost(): string[] {
  const control = openRouteControl()
  try {
    return control.links().map(({ name }) => name)
  } finally {
    control.close()
  }
}
