import * as z from 'zod'
import { optional, orDefault, page } from './envelope.ts'

const apiAddressSchema = z.object({ url: z.string(), version: optional(z.string()) })

/** A member of `GET /controllers` and of `data.controllers` of an enrollment, as the URLs of its client API (section 7.4). */
export const controllerUrlsSchema = z
  .object({ apiAddresses: orDefault(z.record(z.string(), orDefault(z.array(apiAddressSchema), [])), {}) })
  .transform(({ apiAddresses }) =>
    (apiAddresses['edge-client'] ?? []).filter(({ version }) => version === undefined || version === 'v1').map(({ url }) => url),
  )

export const controllersSchema = page(controllerUrlsSchema)
