import { firewallPerformers } from '../firewall/iptables/performers.ts'
import { resolverPerformers } from '../resolver/resolver-performers.ts'
import { performFileRestore, performFileWrite, prepareFileWrite } from './file-performers.ts'
import type { Performers } from './performer.ts'
import { eachPerformer } from './performer.ts'
import { addRoutes, addRules, removeRoutes, removeRules } from './route-performers.ts'

/** Every kind of change that this package knows how to make or to undo. The janitor and `cleanup` have nothing else. */
export const hostPerformers: Performers = {
  ...firewallPerformers(),
  ...resolverPerformers,
  'file.write': eachPerformer('files', performFileWrite, { prepare: prepareFileWrite }),
  'file.restore': eachPerformer('files', performFileRestore),
  'route.add': { scope: 'network', perform: addRoutes, atomic: true },
  'route.remove': { scope: 'network', perform: removeRoutes },
  'rule.add': { scope: 'network', perform: addRules, atomic: true },
  'rule.remove': { scope: 'network', perform: removeRules },
}
