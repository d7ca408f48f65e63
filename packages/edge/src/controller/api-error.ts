import { CodedError, type ErrorDetail, type Milliseconds } from '@tunnel/flow'
import * as z from 'zod'
import type { HttpResponse } from './http-client.ts'

// Section 2.2. All optional: a load balancer's error page must give a readable error too.
const errorText = z.string().nullish().catch(undefined)
const causeSchema = z.object({ code: errorText, message: errorText, field: errorText, reason: errorText })
const envelopeSchema = z.object({
  error: z.object({ code: errorText, message: errorText, causeMessage: errorText, cause: causeSchema.nullish().catch(undefined) }),
})

/**
 * An answer outside 200 to 299 as an error: `controller.unauthorized` (401), `.not-found` (404), `.unavailable` (429, 5xx),
 * `.refused` (other 4xx), `.malformed` (the rest). `detail`: `status`, `apiCode`, `field`, `reason`, `retryAfter` (ms).
 */
export function apiError(response: HttpResponse, controller: string, request: string): CodedError {
  const { status } = response
  const said = parseErrorBody(response.body)
  const wait = retryAfter(response)
  const detail: ErrorDetail = {
    controller, status, ...said?.detail, ...(wait === undefined ? {} : { retryAfter: wait }),
  }
  const text = said === undefined ? '' : `: ${said.text}`
  return new CodedError(codeOf(status), `${titleOf(status, controller)} (${request}, status ${status})${text}`, { detail })
}

function codeOf(status: number): string {
  if (status === 401) return 'controller.unauthorized'
  if (status === 404) return 'controller.not-found'
  if (status === 429 || status >= 500) return 'controller.unavailable'
  return status >= 400 ? 'controller.refused' : 'controller.malformed'
}

function titleOf(status: number, controller: string): string {
  if (status === 401) return `Controller ${controller} does not accept the login`
  if (status === 404) return `Controller ${controller} does not have it`
  if (status === 429) return `Controller ${controller} asks us to slow down`
  if (status >= 500) return `Controller ${controller} is in trouble`
  return status >= 400 ? `Controller ${controller} refused` : `Controller ${controller} gave an answer that we do not expect`
}

function parseErrorBody(body: string): { text: string; detail: ErrorDetail } | undefined {
  const parsed = envelopeSchema.safeParse(jsonOf(body))
  if (!parsed.success) return undefined
  const { code, message, causeMessage, cause } = parsed.data.error
  const field = cause?.field ?? undefined
  const reason = cause?.reason ?? undefined
  const why = reason === undefined ? cause?.message ?? causeMessage : `${field ?? 'field'}: ${reason}`
  const text = [code, message, why].filter((part) => typeof part === 'string' && part !== '').join('; ').slice(0, 500)
  return { text, detail: { apiCode: code ?? undefined, field, reason } }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** RFC 9110 10.2.3, in seconds only: the form with a date would depend on our clock. At most an hour. */
function retryAfter(response: HttpResponse): Milliseconds | undefined {
  const text = response.headers['retry-after']
  if (text === undefined || !/^\d{1,6}$/.test(text)) return undefined
  return Math.min(Number(text), 3600) * 1000
}
