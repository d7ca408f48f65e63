import * as z from 'zod'
import { envelope, optional, orDefault } from './envelope.ts'

const apiSchema = z.object({ path: optional(z.string()), apiBaseUrls: orDefault(z.array(z.string()), []) })

/** `GET /version` (protocol section 2.3). */
export const versionSchema = envelope(
  z.object({
    version: orDefault(z.string(), ''),
    capabilities: orDefault(z.array(z.string()), []),
    /** By API name, then by API version. */
    apiVersions: orDefault(z.record(z.string(), orDefault(z.record(z.string(), apiSchema), {})), {}),
  }),
)

export type ControllerVersion = z.output<typeof versionSchema>['data']
