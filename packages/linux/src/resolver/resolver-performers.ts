import { eachPerformer, type Performers } from '../host-state/performer.ts'
import { performHostsLines, performHostsRemove, prepareHostsLines } from './hosts-performers.ts'
import { performResolvconfAdd, performResolvconfRemove } from './resolvconf-performers.ts'
import { performResolvedSet } from './resolved-performer.ts'

/** How the changes of `planResolver` and `planHostsFile` are made and undone; whole files are a matter of the host state itself. */
export const resolverPerformers: Performers = {
  'resolved.set': eachPerformer('network', performResolvedSet),
  'resolvconf.add': eachPerformer('files', performResolvconfAdd, { lingers: true }),
  'resolvconf.remove': eachPerformer('files', performResolvconfRemove, { lingers: true }),
  'hosts.lines': eachPerformer('files', performHostsLines, { prepare: prepareHostsLines }),
  'hosts.remove': eachPerformer('files', performHostsRemove),
}
