import { CodedError } from '@tunnel/flow'
import type { Page } from './schemas/envelope.ts'

/** Controllers give no more at once (protocol section 11.2). */
const pageLimit = 500
// Far above what a network has; a controller that never comes to an end must not fill our memory.
const maxItems = 100_000

/** All pages of a list. */
export async function readAll<T>(readPage: (query: { limit: number; offset: number }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  for (;;) {
    const { data, totalCount } = await readPage({ limit: pageLimit, offset: items.length })
    items.push(...data)
    if (data.length === 0 || items.length >= (totalCount ?? 0)) return items
    if (items.length > maxItems) throw new CodedError('controller.malformed', `A list of the controller has more than ${maxItems} members.`)
  }
}
