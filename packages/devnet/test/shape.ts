/** The shape of a JSON value: member names and kinds of values, nothing of the values themselves. */
export type Shape = string | { readonly [member: string]: Shape } | readonly Shape[]

/** Below these members names are data. */
const free = new Set(['config', 'appData', 'tags', 'serviceHostingCosts', 'sdkInfo', 'envInfo', 'z_env', 'z_sdk'])
/** A policy id as a member name. */
const idPattern = /^[0-9A-Za-z]{21,22}$/

export function shapeOf(value: unknown): Shape {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  if (Array.isArray(value)) return distinct(value.map(shapeOf))
  return Object.fromEntries(Object.entries(value)
    .map(([name, one]): [string, Shape] => [idPattern.test(name) ? '<id>' : name, free.has(name) ? typeof one : shapeOf(one)])
    .sort(([left], [right]) => (left < right ? -1 : 1)))
}

function distinct(shapes: readonly Shape[]): Shape[] {
  return [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).entries()].sort().map(([, shape]) => shape)
}
