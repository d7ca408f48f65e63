import * as z from 'zod'
import type { EdgeService, PolicyPosture, SessionType } from '../types.ts'
import { envelope, idSchema, optional, orDefault, page } from './envelope.ts'

const processSchema = z.object({ path: orDefault(z.string(), '') })

const postureQuerySchema = z
  .object({
    id: idSchema,
    queryType: orDefault(z.string(), ''),
    isPassing: orDefault(z.boolean(), false),
    process: optional(processSchema),
    processes: orDefault(z.array(processSchema), []),
  })
  .transform(({ id, queryType, isPassing, process, processes }) => ({
    id, queryType, isPassing,
    processPaths: [...(process === undefined ? [] : [process]), ...processes].map(({ path }) => path),
  }))

const policySchema: z.ZodType<PolicyPosture> = z
  .object({
    policyId: orDefault(z.string(), ''),
    policyType: z.enum(['Dial', 'Bind']),
    isPassing: orDefault(z.boolean(), false),
    postureQueries: orDefault(z.array(postureQuerySchema), []),
  })
  .transform(({ policyId, policyType, isPassing, postureQueries }) => ({ policyId, policyType, isPassing, queries: postureQueries }))

function isPermission(text: string): text is SessionType {
  return text === 'Dial' || text === 'Bind'
}

/** A member of `GET /services` (protocol section 2.9). */
const serviceSchema: z.ZodType<EdgeService> = z.object({
  id: idSchema,
  name: z.string().min(1),
  // Absent means yes: the safe side, and what a controller does with a new service.
  encryptionRequired: orDefault(z.boolean(), true),
  permissions: orDefault(z.array(z.string()), []).transform((all) => all.filter(isPermission)),
  config: orDefault(z.record(z.string(), z.unknown()), {}),
  postureQueries: orDefault(z.array(policySchema), []),
  terminatorStrategy: optional(z.string()),
  roleAttributes: orDefault(z.array(z.string()), []),
})

export const servicesSchema = page(serviceSchema)

export const serviceUpdatesSchema = envelope(z.object({ lastChangeAt: z.string().min(1) }))

export const terminatorsSchema = page(
  z.object({ id: idSchema, identity: orDefault(z.string(), ''), routerId: orDefault(z.string(), ''), serviceId: orDefault(z.string(), '') }),
)

export type TerminatorInfo = z.output<typeof terminatorsSchema>['data'][number]
