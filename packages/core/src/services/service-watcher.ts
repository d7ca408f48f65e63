import type { Log } from '@tunnel/flow'
import type { Overlay } from '../contracts/overlay.ts'
import { buildTable } from '../intercept-table/build-table.ts'
import type { BuiltTable } from '../intercept-table/build-table.ts'
import type { TableSource } from '../intercept-table/table-source.ts'
import type { Hosting } from '../host/hosting.ts'
import { isHostable } from '../host/hosting.ts'
import { createServiceDirectory } from './service-directory.ts'
import type { ServiceDirectory } from './service-directory.ts'
import { createServiceNews } from './service-news.ts'

export interface ServiceWatcherOptions {
  readonly overlays: readonly Overlay[]
  readonly source: TableSource
  readonly hosting: Hosting | undefined
  /** There is another table. */
  readonly changed: () => void
  readonly log: Log
}

/** Turns what the identities see into what the host should be: an intercept table, and a set of hosted services. */
export interface ServiceWatcher {
  readonly directory: ServiceDirectory
  readonly built: BuiltTable
  close(): void
}

export function createServiceWatcher({ overlays, source, hosting, changed, log }: ServiceWatcherOptions): ServiceWatcher {
  const news = createServiceNews(log)
  let scheduled = false
  let closed = false

  const settle = (): void => {
    scheduled = false
    if (closed) return
    const services = directory.all()
    built = buildTable(services, source)
    const hostable = services.filter(({ service }) => isHostable(service)).map(({ service }) => service.name)
    news.tell(built, hosting && new Set(hostable))
    hosting?.apply(services)
    changed()
  }
  // A poll reports its changes one by one; whatever comes in one turn is one change of the table.
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    queueMicrotask(settle)
  }

  const directory = createServiceDirectory(overlays, schedule)
  let built = buildTable(directory.all(), source)
  // Also without any service: the user is to hear which of his are waited for.
  schedule()

  return {
    directory,
    get built() {
      return built
    },
    close() {
      closed = true
      directory.close()
    },
  }
}
