import { bestMatch, expandTemplate, hostConfigsOf, interceptConfigOf, loadIdentity, proxyConfigOf, type Parsed, type Service } from '@tunnel/config'
import { isCodedError, type CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { callTarget } from '../../packages/core/src/host/call-target.ts'
import { parseAppData } from '../../packages/edge/src/bind/incoming-dial.ts'
import { parseRefusal, refusalError } from '../../packages/edge/src/circuit/refusal.ts'
import { checkedBody } from '../../packages/edge/src/controller/rest-client.ts'
import { apiSessionSchema, loginStepSchema, tokenSchema } from '../../packages/edge/src/controller/schemas/api-session.ts'
import { controllersSchema } from '../../packages/edge/src/controller/schemas/controllers.ts'
import { identitySchema } from '../../packages/edge/src/controller/schemas/identity.ts'
import { identityRoutersSchema, serviceRoutersSchema } from '../../packages/edge/src/controller/schemas/router.ts'
import { servicesSchema, serviceUpdatesSchema, terminatorsSchema } from '../../packages/edge/src/controller/schemas/service.ts'
import { sessionSchema } from '../../packages/edge/src/controller/schemas/session.ts'
import { versionSchema } from '../../packages/edge/src/controller/schemas/version.ts'
import { captureNames, readCapture } from '../../packages/edge/src/controller/testing/captures.ts'
import { readEnrollmentAnswer } from '../../packages/edge/src/enroll/enrollment-answer.ts'
import { readEnrollmentToken } from '../../packages/edge/src/enroll/enrollment-token.ts'
import { ContentType, HeaderId } from '../../packages/edge/src/wire.ts'
import { scaled } from '../support/scale.ts'
import { converseAll, isWhole } from './support/conversations.ts'
import { chance } from './support/frames.ts'
import { anyJson, mutateJson } from './support/hostile-json.ts'
import { choose, type Random } from './support/random.ts'
import { Tally } from './support/tally.ts'

const file = 'test/fuzz/json.test.ts'
/** What a person can read, and a log can keep. */
const longestMessage = 1200
/** Milliseconds for one text of at most a megabyte, on a busy machine. */
const slowest = 5_000
const tally = new Tally()

/** Reads hostile text. Throws one clear error, or nothing. */
interface Reader {
  readonly name: string
  /** Good texts, to be damaged. */
  readonly seeds: readonly string[]
  readonly read: (text: string, random: Random) => unknown
}

const captures = captureNames().map((name) => JSON.stringify(readCapture(name).body) ?? 'null')
const controllerSchemas = {
  apiSessionSchema, loginStepSchema, tokenSchema, controllersSchema, identitySchema, identityRoutersSchema, serviceRoutersSchema,
  servicesSchema, serviceUpdatesSchema, terminatorsSchema, sessionSchema, versionSchema,
}

type Schema = Parameters<typeof checkedBody>[1]
/** What a schema takes when whole comes thrice as often as what is for another one. */
const seedsOf = (schema: Schema): readonly string[] => {
  const own = captures.filter((text) => schema.safeParse(JSON.parse(text)).success)
  return own.length === 0 ? captures : Array.from({ length: 4 * captures.length }, (_, index) => (index < captures.length ? captures[index]! : own[index % own.length]!))
}
const answers: readonly Reader[] = Object.entries<Schema>(controllerSchemas).map(([name, schema]) => ({
  name,
  seeds: seedsOf(schema),
  read: (body, random) => checkedBody({ status: choose(random, [200, 200, 200, 200, 201, 400, 401, 404, 429, 500, 302]), headers: { 'retry-after': '5' }, body }, schema, 'ctrl.example:1280', 'GET /it'),
}))

const enrollmentAnswer: Reader = {
  name: 'enrollment answer',
  seeds: ['{"data":{"cert":"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----","ca":"x","controllers":[{"apiAddresses":{"edge-client":[{"url":"https://ctrl.example:1280/edge/client/v1","version":"v1"}]}}]}}'],
  read: (body) => readEnrollmentAnswer({ status: 200, headers: {}, body }, 'ctrl.example:1280'),
}

const identity: Reader = {
  name: 'identity file',
  seeds: [
    '{"ztAPI":"https://ctrl.example:1280/edge/client/v1","id":{"key":"pem:-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----","cert":"pem:-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----","ca":"pem:-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----"},"configTypes":null}',
    '{"ztAPIs":["https://a.example:1280","https://b.example:1280"],"id":{"key":"file://k.pem","cert":"c.pem"}}',
    '{"ztAPI":"https://ctrl.example/"}',
  ],
  // No file of this computer is read.
  read: (text) => loadIdentity({ text, name: 'fuzz.json' }, { readFile: async () => text.slice(0, 100) }),
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url')
const enrollmentToken: Reader = {
  name: 'enrollment token',
  seeds: ['{"iss":"https://ctrl.example:1280","sub":"id1","aud":[""],"exp":4102444800,"jti":"secret","em":"ott","ctrls":null}'],
  read: (text, random) => readEnrollmentToken(chance(random, 0.05) ? text : `${base64url(chance(random, 0.9) ? '{"alg":"ES256","typ":"JWT"}' : anyJson(random))}.${base64url(text)}.c2ln`, 0),
}

const configSeeds = [
  '{"intercept.v1":{"protocols":["tcp","udp"],"addresses":["10.0.0.0/8","*.corp.ziti","db.example"],"portRanges":[{"low":80,"high":443}],"dialOptions":{"connectTimeoutSeconds":5,"identity":"$dst_hostname:$dst_port"},"sourceIp":"$src_ip:$src_port","allowedSourceAddresses":["192.168.0.0/16"]}}',
  '{"host.v1":{"forwardProtocol":true,"allowedProtocols":["tcp"],"forwardAddress":true,"allowedAddresses":["*.corp.ziti","10.0.0.0/8"],"forwardPort":true,"allowedPortRanges":[{"low":1,"high":1024}],"listenOptions":{"identity":"$tunneler_id.name","cost":5,"precedence":"required","connectTimeout":"10s","maxConnections":3},"portChecks":[{"address":"localhost:80","interval":"5s","timeout":"1s","actions":[{"trigger":"fail","consecutiveEvents":3,"action":"mark unhealthy"}]}],"httpChecks":[{"url":"http://localhost","method":"GET","expectStatus":200,"interval":"5s","timeout":"1s","actions":[]}]}}',
  '{"host.v2":{"terminators":[{"protocol":"tcp","address":"localhost","port":80}]},"proxy.v1":{"port":8080,"protocols":["tcp"],"binding":"0.0.0.0"}}',
  '{"ziti-tunneler-client.v1":{"hostname":"db.example","port":5432},"ziti-tunneler-server.v1":{"protocol":"tcp","hostname":"localhost","port":5432}}',
]
const configs: Reader = { name: 'service configs', seeds: configSeeds, read: (text) => readConfigs(JSON.parse(text)) }
const services: Reader = {
  name: 'services of a controller',
  seeds: captures.filter((text) => text.includes('intercept.v1')),
  read(body) {
    for (const service of checkedBody({ status: 200, headers: {}, body }, servicesSchema, 'ctrl.example:1280', 'GET /services').data) readConfigs(service.config)
  },
}

const caller = { dst_protocol: 'tcp', dst_ip: '10.1.2.3', dst_hostname: 'db.corp.ziti', dst_port: '443' }
const forwarding = configSeeds.flatMap((text) => value(hostConfigsOf({ id: 'id1', name: 'fuzz', encryptionRequired: true, permissions: ['Bind'], config: JSON.parse(text) as Record<string, unknown> })) ?? [])
const destination = { protocol: 'tcp', address: '10.1.2.3', port: 443, hostname: 'db.corp.ziti', source: '192.168.1.1' } as const

/** All that a tunneler does with a service that it hears of. */
function readConfigs(config: Record<string, unknown>): void {
  if (typeof config !== 'object' || config === null) return
  const service: Service = { id: 'id1', name: 'fuzz', encryptionRequired: true, permissions: ['Dial'], config }
  const intercept = value(interceptConfigOf(service))
  for (const host of value(hostConfigsOf(service)) ?? []) value(callTarget(host, caller))
  value(proxyConfigOf(service))
  if (intercept === undefined) return
  bestMatch([{ service, intercept }], destination)
  value(expandTemplate(intercept.dialOptions?.identity ?? '', { tunnelerName: 'me', appData: { x: 'y' } }))
}

function value<T>(result: Parsed<T> | undefined): T | undefined {
  if (result === undefined || result.ok) return result?.value
  checkError(result.error)
  return undefined
}

const headerBytes = (text: string): Uint8Array => Buffer.from(text.slice(0, 60_000))
const appData: Reader = {
  name: 'AppData',
  seeds: ['{"dst_protocol":"tcp","dst_ip":"10.0.0.1","dst_port":"80","src_ip":"1.2.3.4"}'],
  read(text) {
    const members = parseAppData(headerBytes(text))
    if (Object.values(members).some((member) => typeof member !== 'string')) throw new Error('AppData that is no string')
    for (const host of forwarding) value(callTarget(host, members))
  },
}
const refusal: Reader = {
  name: 'refusal of a router',
  seeds: ['{"message":"no","code":3,"retryHint":2,"cause":"no"}'],
  read: (text) => checkError(refusalError(parseRefusal({ contentType: ContentType.StateClosed, sequence: 1, headers: new Map([[HeaderId.StructuredError, headerBytes(text)]]), body: Buffer.from(text) }), 'fuzz')),
}

const readers: readonly Reader[] = [...answers, enrollmentAnswer, identity, enrollmentToken, configs, services, services, appData, refusal]

function checkError(error: unknown): asserts error is CodedError {
  if (!isCodedError(error)) throw error
  if (!/^[a-z]+\.[a-z-]+$/.test(error.code)) throw new Error(`odd code ${error.code}`)
  if (error.message === '' || error.message.length > longestMessage) throw new Error(`${error.code}: a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`)
  tally.count(error.code)
}

async function readOnce(random: Random): Promise<void> {
  const { name, seeds, read } = choose(random, readers)
  const text = chance(random, 0.25) ? anyJson(random, 4) : mutateJson(choose(random, seeds), random)
  try {
    const started = performance.now()
    await read(text, random)
    if (performance.now() - started > slowest) throw new Error('it took too long')
    tally.count(`${name}: accepted`)
  } catch (error) {
    // The reader of configs gets what another has parsed.
    if (name === 'service configs' && error instanceof SyntaxError) return
    try {
      checkError(error)
    } catch (found) {
      throw new Error(`${name} of ${JSON.stringify(text.slice(0, 600))}`, { cause: found })
    }
  }
  if ('polluted' in {}) throw new Error(`${name} polluted every object: ${text.slice(0, 600)}`)
}

describe('hostile JSON', () => {
  const texts = scaled(500_000)
  const textsOfRound = 100

  it(`${texts} texts: each is taken, or refused with one clear error`, async () => {
    const converse = async (random: Random): Promise<void> => {
      for (let text = 0; text < textsOfRound; text += 1) await readOnce(random)
    }
    await converseAll({ file, rounds: texts / textsOfRound, converse })
    const { names } = tally
    if (isWhole) for (const { name } of readers) expect(names).toContain(`${name}: accepted`)
    if (isWhole) expect(names).toEqual(expect.arrayContaining(['identity.not-json', 'identity.field', 'identity.locator', 'config.invalid', 'controller.malformed', 'enroll.token-malformed', 'enroll.method', 'host.not-allowed']))
  }, 900_000)
})
