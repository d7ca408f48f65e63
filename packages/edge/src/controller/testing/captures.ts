import { readdirSync, readFileSync } from 'node:fs'

/** What a real 2.0.3 controller answered (testdata/captures). */
export interface Capture {
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown }
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: unknown
}

const folder = new URL('../../../testdata/captures/', import.meta.url)

export function readCapture(name: string): Capture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Capture
}

export function captureNames(): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
}
