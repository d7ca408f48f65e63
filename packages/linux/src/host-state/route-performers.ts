import type { HostChange } from '@tunnel/flow'
import { isCodedError } from '@tunnel/flow'
import type { RouteControl } from '../netlink/route-control.ts'
import { openRouteControl } from '../netlink/route-control.ts'
import type { Route } from '../netlink/route.ts'
import { describeRoute } from '../netlink/route.ts'
import type { Rule } from '../netlink/rule.ts'
import { describeRule } from '../netlink/rule.ts'
import { numberOf, textOf } from './parameters.ts'
import type { ChangeParameters, PerformOutcome } from './performer.ts'

/**
 * The kernel keeps with each route and rule who made it, and removes only what matches: with a number of our own (z) an equal
 * route of somebody else is never taken for ours. `ip route` shows `proto 122`.
 */
export const ownRouteProtocol = 122

export function planRoute(route: Route): HostChange {
  const parameters = scalars({ ...route, protocol: ownRouteProtocol })
  const text = describeRoute(route)
  return {
    kind: 'route.add',
    summary: `add route ${text}`,
    parameters,
    undo: { kind: 'route.remove', summary: `remove route ${text}`, parameters },
  }
}

export function planRule(rule: Rule): HostChange {
  const parameters = scalars({ ...rule, protocol: ownRouteProtocol })
  const text = describeRule(rule)
  return {
    kind: 'rule.add',
    summary: `add rule ${text}`,
    parameters,
    undo: { kind: 'rule.remove', summary: `remove rule ${text}`, parameters },
  }
}

export function addRoutes(batch: readonly ChangeParameters[]): readonly PerformOutcome[] {
  return withRoutes((control) => {
    control.addRoutes(batch.map(routeOf))
    return batch.map(() => 'done')
  })
}

/** What is missing has been undone: by somebody else, or with its link. */
export function removeRoutes(batch: readonly ChangeParameters[]): readonly PerformOutcome[] {
  return withRoutes((control) => {
    control.removeRoutes(batch.map(routeOf))
    return batch.map(() => 'done')
  })
}

export function addRules(batch: readonly ChangeParameters[]): readonly PerformOutcome[] {
  return withRoutes((control) => {
    const made: Rule[] = []
    try {
      for (const parameters of batch) {
        control.addRule(ruleOf(parameters))
        made.push(ruleOf(parameters))
      }
    } catch (error) {
      for (const rule of made) removeRule(control, rule)
      throw error
    }
    return batch.map(() => 'done')
  })
}

export function removeRules(batch: readonly ChangeParameters[]): readonly PerformOutcome[] {
  return withRoutes((control) => {
    for (const parameters of batch) removeRule(control, ruleOf(parameters))
    return batch.map(() => 'done')
  })
}

function removeRule(control: RouteControl, rule: Rule): void {
  try {
    control.removeRule(rule)
  } catch (error) {
    if (!isCodedError(error, 'linux.missing')) throw error
  }
}

function withRoutes<T>(use: (control: RouteControl) => T): T {
  const control = openRouteControl()
  try {
    return use(control)
  } finally {
    control.close()
  }
}

// Planned from a Route or a Rule, and brought here by an object or a line with a check sum: the kernel judges the rest.
function routeOf(parameters: ChangeParameters): Route {
  textOf(parameters, 'destination')
  numberOf(parameters, 'family')
  return parameters as unknown as Route
}

function ruleOf(parameters: ChangeParameters): Rule {
  for (const name of ['family', 'priority', 'table']) numberOf(parameters, name)
  return parameters as unknown as Rule
}

function scalars(value: Route | Rule): ChangeParameters {
  const entries: [string, string | number | boolean][] = []
  for (const [name, part] of Object.entries(value)) if (part !== undefined) entries.push([name, part])
  return Object.fromEntries(entries)
}
