import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { promisify } from 'node:util'
import { brotliDecompress, unzip } from 'node:zlib'
import { CodedError, systemClock, type Milliseconds } from '@tunnel/flow'
import { TlsAgent, type TlsAgentOptions } from './tls-agent.ts'
import { transportError } from './transport-error.ts'

export interface HttpClientOptions extends TlsAgentOptions {
  /** For one exchange, connecting included. Default 30 s (protocol section 9). */
  readonly timeout?: Milliseconds
  /** Bigger answers are `controller.malformed`. Default 16 MiB. */
  readonly maxBodyBytes?: number
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `https:` only. */
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** UTF-8 decoded, and decompressed. */
  readonly body: string
}

/**
 * HTTPS exchanges over the keep-alive connections of one identity. No redirect is followed, nothing is tried twice.
 * Rejects with `controller.unreachable`, `.timeout`, `.untrusted`, `.proxy`, `.malformed`, or `controller.aborted`.
 */
export interface HttpClient {
  send(request: HttpRequest): Promise<HttpResponse>
  close(): void
}

/** Throws `identity.credentials`. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const agent = new TlsAgent(options)
  const clock = options.clock ?? systemClock
  const timeout = options.timeout ?? 30_000
  const maxBodyBytes = options.maxBodyBytes ?? 16 * 1024 * 1024
  return {
    async send(exchange) {
      const deadline = new AbortController()
      const cancel = clock.after(timeout, () => deadline.abort(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
      const signal = exchange.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, exchange.signal])
      try {
        return await sendOnce(exchange, { agent, signal, headers: requestHeaders(exchange) }, maxBodyBytes)
      } catch (error) {
        if (exchange.signal?.aborted === true) throw aborted(error)
        throw transportError(deadline.signal.aborted ? deadline.signal.reason : error, exchange.url.host)
      } finally {
        cancel()
      }
    },
    close: () => agent.destroy(),
  }
}

function requestHeaders(exchange: HttpRequest): Record<string, string> {
  const length: Record<string, string> = exchange.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(exchange.body)) }
  return { accept: 'application/json', ...exchange.headers, ...length }
}

async function sendOnce(exchange: HttpRequest, options: RequestOptions, maxBodyBytes: number): Promise<HttpResponse> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(exchange.url, { ...options, method: exchange.method }, resolve)
    call.once('error', reject)
    call.end(exchange.body)
  })
  const raw = await collect(response, maxBodyBytes, exchange.url.host)
  const body = await decoded(raw, response.headers['content-encoding'], maxBodyBytes, exchange.url.host)
  return { status: response.statusCode ?? 0, headers: response.headers, body: body.toString('utf8') }
}

async function collect(response: IncomingMessage, maxBodyBytes: number, controller: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Leaving the loop destroys the connection.
    if (bytes > maxBodyBytes) throw oversize(controller, maxBodyBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const unzipped = promisify(unzip)
const unbrotlied = promisify(brotliDecompress)

/** We ask for no compression, but some proxies compress all the same. `maxOutputLength` stops a bomb. */
async function decoded(body: Buffer, encoding: string | undefined, maxOutputLength: number, controller: string): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity' || body.length === 0) return body
  try {
    if (encoding === 'gzip' || encoding === 'deflate') return await unzipped(body, { maxOutputLength })
    if (encoding === 'br') return await unbrotlied(body, { maxOutputLength })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw oversize(controller, maxOutputLength)
    throw malformed(controller, `its ${encoding} body cannot be decoded`, cause)
  }
  throw malformed(controller, `its content encoding ${JSON.stringify(encoding)} is not known`)
}

function oversize(controller: string, limit: number): CodedError {
  return malformed(controller, `it is longer than ${limit} bytes`)
}

function malformed(controller: string, why: string, cause?: unknown): CodedError {
  return new CodedError('controller.malformed', `The answer of controller ${controller} is unusable: ${why}.`, { detail: { controller }, cause })
}

function aborted(cause: unknown): CodedError {
  return new CodedError('controller.aborted', 'The request to the controller was given up.', { cause })
}
