import { constants } from 'node:fs'
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Hops of symbolic links after which the kernel gives up too (ELOOP, path_resolution(7)). */
const maxLinks = 40

/**
 * Files below `root`, where an absolute symbolic link points below `root` as well: the facts of another host can lie
 * in a folder. What is absent or forbidden reads as `undefined`, never as an error.
 */
export class RootedFiles {
  readonly #root: string

  constructor(root = '/') {
    this.#root = resolve(root)
  }

  async text(path: string): Promise<string | undefined> {
    const real = await this.real(path)
    return readFile(this.#below(real.path), 'utf8').catch(() => undefined)
  }

  async names(path: string): Promise<readonly string[]> {
    const real = await this.real(path)
    return readdir(this.#below(real.path)).catch(() => [])
  }

  async exists(path: string): Promise<boolean> {
    return (await this.real(path)).exists
  }

  /** `undefined` unless the path itself is a symbolic link. */
  link(path: string): Promise<string | undefined> {
    return readlink(this.#below(path)).catch(() => undefined)
  }

  /** An immutable file and a read-only mount say no even to root. */
  writable(path: string): Promise<boolean> {
    return access(this.#below(path), constants.W_OK).then(() => true, () => false)
  }

  /** Where a path leads, all symbolic links followed. */
  async real(path: string): Promise<{ path: string; exists: boolean }> {
    let hops = 0
    let done = '/'
    let left = path.split('/').filter(Boolean)
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      const here = resolve(done, part)
      const target = await this.link(here)
      if (target === undefined) {
        if (!(await this.#isThere(here))) return { path: join(here, ...left), exists: false }
        done = here
        continue
      }
      if (++hops > maxLinks) return { path, exists: false }
      left = [...resolve(dirname(here), target).split('/').filter(Boolean), ...left]
      done = '/'
    }
    return { path: done, exists: true }
  }

  #isThere(path: string): Promise<boolean> {
    return lstat(this.#below(path)).then(() => true, () => false)
  }

  #below(path: string): string {
    return join(this.#root, path)
  }
}
