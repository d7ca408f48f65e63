import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { HostChange } from '@tunnel/flow'
import { fileError } from './file-error.ts'
import { numberOf, textOf } from './parameters.ts'
import type { ChangeParameters, PerformOutcome } from './performer.ts'
import type { FileOwner, FileState } from './whole-file.ts'
import { endOfLinks, isSplice, lookAt, putFile, putLink, removeFile } from './whole-file.ts'

export interface FileWrite {
  readonly path: string
  readonly content: string | Uint8Array
  /** When `path` is a symbolic link: true replaces the link by a file, false (default) writes the file that it leads to. */
  readonly replaceLink?: boolean
}

/**
 * A whole file replaced for the time of the run: content, mode, owner, time and kind (file, link, nothing) come back.
 * `parameters.content` is base64, as a file may hold any bytes.
 */
export function planFileWrite({ path, content, replaceLink = false }: FileWrite): HostChange {
  return {
    kind: 'file.write',
    summary: `write ${path}${replaceLink ? ' in place of the link' : ''}`,
    parameters: { path, content: Buffer.from(content).toString('base64'), replaceLink },
    undo: { kind: 'file.restore', summary: `restore ${path} as it was`, parameters: { path } },
  }
}

/** Everything that brings the file back, taken down before it is touched. */
export async function prepareFileWrite(parameters: ChangeParameters): Promise<ChangeParameters> {
  const path = textOf(parameters, 'path')
  try {
    const target = parameters.replaceLink === true ? path : await endOfLinks(path)
    const state = await lookAt(target)
    return {
      target,
      after: textOf(parameters, 'content'),
      // Named now, so that one who dies between the making and the renaming of it leaves nothing that the journal does not know.
      temporary: `.${basename(target)}.ziti-tunnel-${randomBytes(4).toString('hex')}`,
      ...encodeState(state),
    }
  } catch (error) {
    throw fileError(path, error)
  }
}

export async function performFileWrite(parameters: ChangeParameters): Promise<PerformOutcome> {
  const before = decodeState(parameters)
  const owner = before.was === 'file' ? { ...before, modified: Date.now() } : undefined
  try {
    await putFile(textOf(parameters, 'target'), decodeBytes(parameters, 'after'), owner, textOf(parameters, 'temporary'))
    return 'done'
  } catch (error) {
    throw fileError(textOf(parameters, 'path'), error)
  }
}

export async function performFileRestore(parameters: ChangeParameters): Promise<PerformOutcome> {
  const target = textOf(parameters, 'target')
  const temporary = textOf(parameters, 'temporary')
  try {
    await removeFile(join(dirname(target), basename(temporary)))
    const before = decodeState(parameters)
    const now = await lookAt(target)
    if (isSame(now, before)) return 'done'
    if (!isOurs(now, decodeBytes(parameters, 'after'), before)) return notOurs(target, before)
    if (before.was === 'absent') await removeFile(target)
    else if (before.was === 'link') await putLink(target, before.link, before, temporary)
    else await putFile(target, before.content, before, temporary)
    return 'done'
  } catch (error) {
    throw fileError(target, error)
  }
}

function isSame(now: FileState, before: FileState): boolean {
  if (now.was === 'file' && before.was === 'file') return now.content.equals(before.content)
  if (now.was === 'link' && before.was === 'link') return now.link === before.link
  return now.was === before.was
}

function isOurs(now: FileState, after: Buffer, before: FileState): boolean {
  if (now.was !== 'file') return false
  if (now.content.equals(after)) return true
  if (before.was !== 'file') return false
  return isSplice(now.content, after, before.content) || isSplice(now.content, before.content, after)
}

function notOurs(target: string, before: FileState): PerformOutcome {
  const reason = `somebody else has changed ${target} since`
  if (before.was === 'file') return { notOurs: reason, copy: before.content }
  return { notOurs: before.was === 'link' ? `${reason}; it was a link to ${before.link}` : `${reason}; it did not exist before` }
}

function encodeState(state: FileState): ChangeParameters {
  if (state.was === 'absent') return { was: 'absent' }
  const { was, mode, uid, gid, modified } = state
  const owner = { was, mode, uid, gid, modified }
  return state.was === 'link' ? { ...owner, link: state.link } : { ...owner, before: state.content.toString('base64') }
}

function decodeState(parameters: ChangeParameters): FileState {
  const was = textOf(parameters, 'was')
  if (was === 'absent') return { was }
  const owner: FileOwner = {
    mode: numberOf(parameters, 'mode'),
    uid: numberOf(parameters, 'uid'),
    gid: numberOf(parameters, 'gid'),
    modified: numberOf(parameters, 'modified'),
  }
  if (was === 'link') return { was, link: textOf(parameters, 'link'), ...owner }
  return { was: 'file', content: decodeBytes(parameters, 'before'), ...owner }
}

function decodeBytes(parameters: ChangeParameters, name: string): Buffer {
  return Buffer.from(textOf(parameters, name), 'base64')
}
