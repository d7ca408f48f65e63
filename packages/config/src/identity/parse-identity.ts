import { CodedError, isCodedError } from '@tunnel/flow'
import { normalizeControllerUrl } from './controller-url.ts'
import type { IdentityConfig } from './identity.ts'
import { fieldError, parseIdentityJson } from './identity-json.ts'
import type { IdentityJson } from './identity-json.ts'
import { parseLocator } from './locator.ts'
import { readTextFile, whyUnreadable } from './read-source.ts'

export type ReadFile = (path: string) => Promise<string>

/**
 * Reads an identity's JSON and the files that it names, and checks neither key nor dates (`loadIdentity` does).
 * `directory` is the base of relative paths. Rejects with `identity.not-json`, `identity.field` or `identity.locator`.
 */
export async function parseIdentity(
  text: string,
  name: string,
  directory: string,
  readFile: ReadFile = readTextFile,
): Promise<IdentityConfig> {
  const { fields, raw } = parseIdentityJson(text, name)
  const controllers = controllersOf(fields, name)
  const configTypes = fields.configTypes ?? undefined
  const read = (field: 'key' | 'cert' | 'ca') => readPart(fields.id?.[field], `id.${field}`, { name, directory, readFile })
  // One after the other, so that of several errors always the same one is told.
  const key = await read('key')
  const cert = await read('cert')
  const ca = await read('ca')
  return { controllers, ...withoutAbsent({ key, cert, ca, configTypes }), source: name, raw }
}

function withoutAbsent<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<T>
}

function controllersOf({ ztAPI, ztAPIs }: IdentityJson['fields'], name: string): string[] {
  const several = ztAPIs?.map((url, index) => ({ field: `ztAPIs[${index}]`, url })) ?? []
  const written = several.length > 0 ? several : [{ field: 'ztAPI', url: ztAPI ?? '' }]
  const urls = written.map(({ field, url }) => {
    if (url === '') throw fieldError(name, field, 'is missing; it is the URL of the controller')
    const result = normalizeControllerUrl(url)
    if ('wrong' in result) throw fieldError(name, field, result.wrong)
    return result.url
  })
  return [...new Set(urls)]
}

interface PartContext {
  readonly name: string
  readonly directory: string
  readonly readFile: ReadFile
}

async function readPart(text: string | null | undefined, field: string, context: PartContext): Promise<string | undefined> {
  if (text === undefined || text === null || text === '') return undefined
  const locator = parseLocator(text, context.directory)
  if (locator.kind === 'pem') return locator.pem
  if (locator.kind === 'unsupported') throw locatorError(context.name, field, locator.reason)
  try {
    return await context.readFile(locator.path)
  } catch (cause) {
    if (isCodedError(cause)) throw cause
    throw locatorError(context.name, field, `the file ${locator.path} ${whyUnreadable(cause)}`, cause)
  }
}

function locatorError(name: string, field: string, what: string, cause?: unknown): CodedError {
  return new CodedError('identity.locator', `identity ${name}, field ${field}: ${what}`, { detail: { file: name, field }, cause })
}
