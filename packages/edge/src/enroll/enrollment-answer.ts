import { X509Certificate, type KeyObject } from 'node:crypto'
import { CodedError } from '@tunnel/flow'
import * as z from 'zod'
import type { HttpResponse } from '../controller/http-client.ts'
import { checkedBody } from '../controller/rest-client.ts'
import { controllerUrlsSchema } from '../controller/schemas/controllers.ts'
import { envelope, optional, orDefault } from '../controller/schemas/envelope.ts'

/** What an enrollment by `ott` gives (protocol section 1.5). */
export interface EnrollmentAnswer {
  /** PEM chain, leaf first. */
  readonly cert: string
  /** PEM bundle; 2.0.3 sends none. */
  readonly ca?: string
  /** Base URLs of all controllers, where the controller says them. */
  readonly controllers: readonly string[]
}

const answerSchema = envelope(
  z.object({
    cert: z.string().min(1),
    ca: optional(z.string()),
    controllers: orDefault(z.array(controllerUrlsSchema.catch([])), []),
  }),
)

/** JSON, or the plain PEM of controllers that do not mind the Accept header. */
export function readEnrollmentAnswer(response: HttpResponse, controller: string): EnrollmentAnswer {
  if (response.status >= 200 && response.status < 300 && response.body.trimStart().startsWith('-----BEGIN CERTIFICATE-----')) {
    return { cert: response.body, controllers: [] }
  }
  const { cert, ca, controllers } = checkedBody(response, answerSchema, controller, 'POST /enroll').data
  return { cert, controllers: controllers.flat(), ...(ca === undefined || ca === '' ? {} : { ca }) }
}

/** The leaf must be for our key, or every later TLS handshake would fail without a word why. */
export function checkOurs(cert: string, privateKey: KeyObject, controller: string): X509Certificate {
  let leaf: X509Certificate | undefined
  try {
    leaf = new X509Certificate(cert)
  } catch {
    leaf = undefined
  }
  if (leaf?.checkPrivateKey(privateKey) === true) return leaf
  const why = leaf === undefined ? 'is no certificate' : 'is for another key'
  throw new CodedError('enroll.certificate', `What controller ${controller} gave as our certificate ${why}. Ask for a new token.`, {
    detail: { controller },
  })
}
