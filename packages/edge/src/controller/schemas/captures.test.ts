import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { captureNames, readCapture } from '../testing/captures.ts'
import { apiSessionSchema, tokenSchema } from './api-session.ts'
import { controllersSchema } from './controllers.ts'
import { anyBody } from './envelope.ts'
import { identitySchema } from './identity.ts'
import { identityRoutersSchema, serviceRoutersSchema } from './router.ts'
import { servicesSchema, serviceUpdatesSchema, terminatorsSchema } from './service.ts'
import { sessionSchema } from './session.ts'
import { versionSchema } from './version.ts'

const schemas: readonly (readonly [RegExp, z.ZodType])[] = [
  [/^GET (\/edge\/client\/v1)?\/version$/, versionSchema],
  [/^POST .*\/authenticate\?method=cert$/, apiSessionSchema],
  [/^GET .*\/current-api-session$/, apiSessionSchema],
  [/^GET .*\/service-updates$/, serviceUpdatesSchema],
  [/^GET .*\/current-identity$/, identitySchema],
  [/^GET .*\/current-identity\/edge-routers$/, identityRoutersSchema],
  [/^GET .*\/services\/[^/]+\/edge-routers$/, serviceRoutersSchema],
  [/^GET .*\/services\/[^/]+\/terminators$/, terminatorsSchema],
  [/^GET .*\/services\?/, servicesSchema],
  [/^(POST|GET) .*\/sessions(\/[^/?]+)?$/, sessionSchema],
  [/^GET .*\/controllers\?/, controllersSchema],
  [/^POST \/oidc\/oauth\/token$/, tokenSchema],
  [/^POST .*\/posture-response$/, anyBody],
]

const all = captureNames()
  .map((name) => ({ name, capture: readCapture(name) }))
  .filter(({ name }) => !name.endsWith('-decoded'))
  .map(({ name, capture }) => ({ name, capture, schema: schemas.find(([request]) => request.test(`${capture.request.method} ${capture.request.path}`))?.[1] }))
const parsed = all.filter(({ capture, schema }) => schema !== undefined && capture.status < 300)

describe('answers of a real controller', () => {
  it('are known to the test: nothing that we ask for is left out', () => {
    expect(parsed.length).toBeGreaterThan(35)
  })

  it.each(parsed)('$name is accepted', ({ capture, schema }) => {
    expect(schema!.safeParse(capture.body)).toMatchObject({ success: true })
  })

  it('keep the configs, permissions and posture of services', () => {
    const { data, totalCount } = servicesSchema.parse(readCapture('legacy-services-configtypes-all').body)
    expect(data).toHaveLength(totalCount!)
    const hosted = data.find(({ name }) => name === 'hosted')!
    expect(hosted).toMatchObject({ encryptionRequired: true, permissions: ['Dial'] })
    expect(hosted.config['host.v1']).toMatchObject({ forwardPort: true })
    const posture = data.find(({ name }) => name === 'posture')!
    expect(posture.postureQueries[0]).toMatchObject({ policyType: 'Dial', queries: [{ queryType: 'OS', id: '11kmOil1SEis8rGglalOcD' }] })
  })

  it('give the routers of a session, a service and the identity alike, whatever each leaves out', () => {
    const router = { name: 'router-instance-1', url: 'tls://192.0.2.1:3022', host: '192.0.2.1', port: 3022, online: true }
    expect(sessionSchema.parse(readCapture('oidc-session-dial-echo').body).data.routers).toEqual([router])
    expect(serviceRoutersSchema.parse(readCapture('oidc-service-echo-edge-routers').body).data.edgeRouters).toEqual([router])
    expect(identityRoutersSchema.parse(readCapture('oidc-current-identity-edge-routers').body).data).toEqual([router])
  })

  it('name the client APIs of all controllers', () => {
    expect(controllersSchema.parse(readCapture('oidc-controllers').body).data).toEqual([['https://192.0.2.1:1280/edge/client/v1']])
  })
})

describe('hostile answers', () => {
  const replaced = fc.oneof(fc.constant(null), fc.constant(undefined), fc.jsonValue(), fc.constant({ __proto__: null }), fc.string())

  it('are accepted or refused, never thrown on, whichever member is replaced by what', () => {
    fc.assert(
      fc.property(fc.constantFrom(...parsed), fc.nat(), replaced, ({ capture, schema }, at, value) => {
        const body = structuredClone(capture.body)
        const places = members(body)
        const [holder, key] = places[at % places.length]!
        holder[key] = value
        expect(typeof schema!.safeParse(body).success).toBe('boolean')
      }),
      { numRuns: 500 },
    )
  })

  it('of any shape at all do not throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.jsonValue(), ([, schema], value) => {
        expect(typeof schema.safeParse(value).success).toBe('boolean')
      }),
    )
  })

  it('cannot reach the prototype of our objects', () => {
    const service = '{"data":[{"id":"a","name":"a","config":{"__proto__":{"polluted":1}}}],"meta":{}}'
    servicesSchema.parse(JSON.parse(service))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

function members(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return []
  const own = value as Record<string, unknown>
  return Object.keys(own).flatMap((key) => [[own, key] as [Record<string, unknown>, string], ...members(own[key])])
}
