import { request } from 'node:https'
import type { IdentityJson } from '../src/admin/identity-admin.ts'

/** What the tests know of an answer. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The body, when it is JSON. */
  // Tests look into answers as they like; every wrong guess fails the test.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An object goes as JSON, URLSearchParams as a form, a text as it is. */
  readonly body?: unknown
  readonly identity?: IdentityJson
  readonly ca?: string
}

/** A REST client of plain node:https, so that devnet and our SDK cannot agree on a mistake. */
export function send(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { identity } = options
  const { headers, text } = encode(options)
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: options.method ?? 'GET',
      headers: { accept: 'application/json', ...headers, ...options.headers },
      agent: false,
      // Node would check the certificate against a `host` header that a test sets.
      ...options.headers?.['host'] !== undefined && { servername: 'localhost' },
      ca: options.ca ?? identity?.id.ca.slice(4),
      ...identity !== undefined && { key: identity.id.key.slice(4), cert: identity.id.cert.slice(4) },
    }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, ...decode(Buffer.concat(chunks)) }))
    })
    outgoing.on('error', reject)
    outgoing.end(text)
  })
}

function encode({ body, method }: RequestOptions): { headers: Record<string, string>; text?: string } {
  if (body === undefined) return { headers: method === undefined || method === 'GET' ? {} : { 'content-length': '0' } }
  if (typeof body === 'string') return { headers: {}, text: body }
  if (body instanceof URLSearchParams) return { headers: { 'content-type': 'application/x-www-form-urlencoded' }, text: body.toString() }
  return { headers: { 'content-type': 'application/json' }, text: JSON.stringify(body) }
}

function decode(bytes: Buffer): { text: string; body: unknown } {
  const text = bytes.toString('utf8')
  try {
    return { text, body: JSON.parse(text) }
  } catch {
    return { text, body: undefined }
  }
}
