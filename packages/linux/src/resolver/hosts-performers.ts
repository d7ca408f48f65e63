import { basename, dirname, join } from 'node:path'
import { fileError } from '../host-state/file-error.ts'
import { textOf } from '../host-state/parameters.ts'
import type { ChangeParameters, PerformOutcome } from '../host-state/performer.ts'
import { endOfLinks, lookAt, putFile, removeFile } from '../host-state/whole-file.ts'
import { withHostsLines, withoutHostsLines } from './hosts-file.ts'

/** A file that we created is removed in the end, unless others have written to it. */
export async function prepareHostsLines(parameters: ChangeParameters): Promise<ChangeParameters> {
  const path = textOf(parameters, 'path')
  try {
    return { created: (await lookAt(await endOfLinks(path))).was === 'absent' }
  } catch (error) {
    throw fileError(path, error)
  }
}

export function performHostsLines(parameters: ChangeParameters): Promise<PerformOutcome> {
  const lines = textOf(parameters, 'lines')
  return edit(parameters, (text, mark) => withHostsLines(text, mark, lines === '' ? [] : lines.split('\n')))
}

export function performHostsRemove(parameters: ChangeParameters): Promise<PerformOutcome> {
  return edit(parameters, withoutHostsLines)
}

/** latin1 keeps every byte of the lines of others. */
async function edit(parameters: ChangeParameters, change: (text: string, mark: string) => string): Promise<PerformOutcome> {
  const path = textOf(parameters, 'path')
  const mark = textOf(parameters, 'mark')
  try {
    const target = await endOfLinks(path)
    // Always the same name, so that a copy that a kill left behind is found by whoever comes next.
    const temporary = `.${basename(target)}.${mark.replace(/^\W+/, '')}`
    await removeFile(join(dirname(target), temporary))
    const before = await lookAt(target)
    const text = before.was === 'file' ? before.content.toString('latin1') : ''
    const after = change(text, mark)
    if (after === '' && parameters['created'] === true) await removeFile(target)
    else if (after !== text) await putFile(target, Buffer.from(after, 'latin1'), before.was === 'file' ? { ...before, modified: Date.now() } : undefined, temporary)
    return 'done'
  } catch (error) {
    throw fileError(path, error)
  }
}
