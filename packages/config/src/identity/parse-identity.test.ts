import { readFileSync } from 'node:fs'
import { isCodedError } from '@tunnel/flow'
import type { CodedError } from '@tunnel/flow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIdentity } from './parse-identity.ts'

const parse = (text: string, files: Record<string, string> = {}) =>
  parseIdentity(text, 'ziti.json', '/etc/ziti', async (path) => {
    const content = files[path]
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return content
  })

const errorOf = async (content: unknown): Promise<CodedError> => {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const error: unknown = await parse(text).catch((reason: unknown) => reason)
  if (!isCodedError(error)) throw new Error(`no CodedError for ${text}`)
  return error
}

describe('parseIdentity', () => {
  it("reads the original README's example byte for byte", async () => {
    const text = readFileSync(new URL('../../testdata/original-readme-identity.json', import.meta.url), 'utf8')
    const files = {
      '/root/device01.3rdparty.client.cert.pem': 'CERT',
      '/root/device01.3rdparty.client.key.pem': 'KEY',
      '/root/ziti-dev-ingress01.external.chain.cert.pem': 'CA',
    }
    expect(await parse(text, files)).toEqual({
      controllers: ['https://ziti-dev-controller01.localhost:1080/edge/client/v1'],
      key: 'KEY',
      cert: 'CERT',
      ca: 'CA',
      source: 'ziti.json',
      raw: JSON.parse(text) as unknown,
    })
  })

  it("reads what today's tools write", async () => {
    const written = {
      ztAPI: 'https://one:1280/edge/client/v1',
      ztAPIs: ['https://two:1280/edge/client/v1/', 'https://one:1280', 'https://two:1280'],
      configTypes: ['intercept.v1'],
      id: { key: 'pem:KEY', cert: 'pem://CERT', ca: 'ca.pem' },
      enableHa: true,
    }
    expect(await parse(`\uFEFF${JSON.stringify(written)}\r\n`, { '/etc/ziti/ca.pem': 'CA' })).toEqual({
      controllers: ['https://two:1280/edge/client/v1', 'https://one:1280/edge/client/v1'],
      key: 'KEY',
      cert: 'CERT',
      ca: 'CA',
      configTypes: ['intercept.v1'],
      source: 'ziti.json',
      raw: written,
    })
  })

  it('takes null and absent members alike, also an identity without certificate', async () => {
    const bare = { ztAPI: 'https://one:1280', ztAPIs: null, configTypes: null, id: { key: null, ca: '' } }
    const identity = await parse(JSON.stringify(bare))
    expect(Object.keys(identity).sort()).toEqual(['controllers', 'raw', 'source'])
  })

  it.each([
    ['', 'identity.not-json', /is empty/],
    ['\uFEFF \n', 'identity.not-json', /is empty/],
    ['{"ztAPI": "https://one"', 'identity.not-json', /is not JSON/],
    ['eyJhbGciOiJSUzI1NiJ9.eyJlbSI6Im90dCJ9.c2ln', 'identity.not-json', /enrollment token; enroll it first/],
    ['-----BEGIN PRIVATE KEY-----', 'identity.not-json', /PEM file/],
    ['[]', 'identity.not-json', /not an object/],
    ['null', 'identity.not-json', /not an object/],
    [{}, 'identity.field', /field ztAPI: is missing/],
    [{ ztAPI: 5 }, 'identity.field', /field ztAPI: expected string, but it is number/],
    [{ ztAPI: 'http://one' }, 'identity.field', /field ztAPI: must begin with https/],
    [{ ztAPIs: ['https://one', 'two'] }, 'identity.field', /field ztAPIs\[1\]: must be a URL/],
    [{ ztAPIs: 'https://one' }, 'identity.field', /field ztAPIs: expected array/],
    [{ ztAPI: 'https://one', id: 'me' }, 'identity.field', /field id: expected object/],
    [{ ztAPI: 'https://one', id: { key: {} } }, 'identity.field', /field id.key: expected string/],
    [{ ztAPI: 'https://one', id: { key: 'pkcs11:x' } }, 'identity.locator', /field id.key: is a PKCS#11 key/],
    [{ ztAPI: 'https://one', id: { cert: 'me.pem' } }, 'identity.locator', /field id.cert: the file \/etc\/ziti\/me.pem does not exist/],
  ])('refuses %j with one line', async (content, code, message) => {
    const error = await errorOf(content)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/^identity ziti\.json[^\n]*$/)
  })

  it('says that a key file may not be read, and as whom to run', async () => {
    const denied = async () => Promise.reject(Object.assign(new Error('permission denied'), { code: 'EACCES' }))
    const loading = parseIdentity('{"ztAPI":"https://one","id":{"key":"/root/me.key"}}', 'ziti.json', '/', denied)
    await expect(loading).rejects.toMatchObject({ code: 'identity.locator', message: expect.stringContaining('/root/me.key may not be read by this user') })
  })

  it('keeps the content of a broken file out of the error: it may be a private key', async () => {
    const error = await errorOf('{"id":{"key":"pem:SECRET"')
    expect(`${error.message}${String(error.cause)}`).not.toContain('SECRET')
  })

  it('fails only with CodedError, on any text and any JSON', async () => {
    const text = fc.oneof(fc.string(), fc.json(), fc.json().map((id) => `{"ztAPI":"https://one","id":${id}}`))
    const isClean = async (content: string) => {
      const outcome: unknown = await parse(content).catch((reason: unknown) => reason)
      return isCodedError(outcome) || !(outcome instanceof Error)
    }
    await fc.assert(fc.asyncProperty(text, isClean))
  })
})
