import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'

/** A manager writes several files for one change. */
const settleMilliseconds: Milliseconds = 100
/** For what no event tells: folders that appear later, mounts of others, no watches left (fs.inotify.max_user_watches). */
const pollMilliseconds: Milliseconds = 30_000

export interface PathWatch {
  close(): void
}

/** Calls soon after anybody wrote, replaced, made or removed one of these files or folders; and now and then in any case. Keeps no process alive. */
export function watchPaths(paths: readonly string[], changed: () => void, clock: Clock): PathWatch {
  let settling: Cancel | undefined
  const soon = (): void => {
    settling ??= clock.after(settleMilliseconds, () => {
      settling = undefined
      changed()
    })
  }
  const watchers = paths.flatMap((path) => [watchOne(path, undefined, soon), watchOne(dirname(path), basename(path), soon)])
  let polling: Cancel
  const poll = (): void => {
    polling = clock.after(pollMilliseconds, () => {
      changed()
      poll()
    })
  }
  poll()
  return {
    close() {
      for (const watcher of watchers) watcher?.close()
      settling?.()
      polling()
    },
  }
}

// The file itself, as something may be mounted over it or written through another name; and its folder, as it may be replaced.
function watchOne(path: string, only: string | undefined, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, (_event, name) => {
      if (only === undefined || name === only) changed()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined // it is absent, or there are no watches left: the poll finds out
  }
}
