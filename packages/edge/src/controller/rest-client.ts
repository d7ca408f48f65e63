import { CodedError } from '@tunnel/flow'
import type { z } from 'zod'
import { apiError } from './api-error.ts'
import type { ControllerPool } from './controller-pool.ts'
import type { HttpClient, HttpRequest, HttpResponse } from './http-client.ts'

export interface RestRequest {
  readonly method: HttpRequest['method']
  /** Below the base URL: `/version`. */
  readonly path: string
  /** A list becomes a repeated member. */
  readonly query?: Readonly<Record<string, string | number | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** JSON exchanges with the active controller, or with the next one that answers. Errors: those of `HttpClient` and `apiError`. */
export interface RestClient {
  readonly pool: ControllerPool
  /** The checked body of a 2xx answer. */
  call<T>(request: RestRequest, schema: z.ZodType<T>): Promise<T>
  /** The same at one controller only. */
  callAt<T>(base: string, request: RestRequest, schema: z.ZodType<T>): Promise<T>
  /** The answer as it is, whatever its status, from one place only. */
  sendAt(base: string, request: RestRequest): Promise<HttpResponse>
}

export function createRestClient(http: HttpClient, pool: ControllerPool): RestClient {
  const sendAt = (base: string, request: RestRequest) => http.send(httpRequest(base, request))
  const callAt: RestClient['callAt'] = async (base, request, schema) => {
    const response = await sendAt(base, request)
    return checkedBody(response, schema, new URL(base).host, `${request.method} ${request.path}`)
  }
  return {
    pool,
    sendAt,
    callAt,
    call: (request, schema) => pool.run((base) => callAt(base, request, schema)),
  }
}

function httpRequest(base: string, request: RestRequest): HttpRequest {
  const url = new URL(base + request.path)
  for (const [name, value] of Object.entries(request.query ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(item))
  }
  const { method, headers = {}, signal } = request
  const common = { method, url, ...(signal === undefined ? {} : { signal }) }
  if (request.json !== undefined) {
    return { ...common, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(request.json) }
  }
  if (request.form !== undefined) {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    return { ...common, headers: { ...headers, ...form }, body: new URLSearchParams(request.form).toString() }
  }
  return { ...common, headers }
}

/** `controller.malformed` names the first field that is not as it must be, never its value: that may be a secret. */
export function checkedBody<T>(response: HttpResponse, schema: z.ZodType<T>, controller: string, request: string): T {
  if (response.status < 200 || response.status > 299) throw apiError(response, controller, request)
  let json: unknown
  try {
    json = JSON.parse(response.body)
  } catch (cause) {
    throw malformed(controller, request, 'it is not JSON', cause)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw malformed(controller, request, `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'invalid'}`)
}

function malformed(controller: string, request: string, why: string, cause?: unknown): CodedError {
  const message = `The answer of controller ${controller} to ${request} is unusable: ${why}.`
  return new CodedError('controller.malformed', message, { detail: { controller }, cause })
}
