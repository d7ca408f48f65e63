import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { createControllerPool } from './controller-pool.ts'

const a = 'https://a:1280/edge/client/v1'
const b = 'https://b:1280/edge/client/v1'
const c = 'https://c:1280/edge/client/v1'
const failure = (code: string, status?: number) => new CodedError(code, code, { detail: { status } })

function attempts(answers: Record<string, Error | string>) {
  const tried: string[] = []
  return {
    tried,
    attempt: async (base: string) => {
      tried.push(base)
      const answer = answers[base]
      if (answer instanceof Error) throw answer
      return answer
    },
  }
}

describe('a pool of controllers', () => {
  it('makes whole URLs of those of old identity files, once each', () => {
    expect(createControllerPool({ urls: ['https://a:1280', 'https://a:1280/', `${a}/`, b] }).urls).toEqual([a, b])
  })

  it('needs an https URL', () => {
    expect(() => createControllerPool({ urls: ['http://a', 'nonsense'] })).toThrow(expect.objectContaining({ code: 'controller.no-url' }))
  })

  it.each([failure('controller.unreachable'), failure('controller.timeout'), failure('controller.unavailable', 503)])(
    'tries the others after $code, and stays with the one that answers', async (error) => {
      const pool = createControllerPool({ urls: [a, b, c], random: () => 0.99 })
      const { attempt, tried } = attempts({ [a]: error, [b]: 'b', [c]: error })
      expect(await pool.run(attempt)).toBe('b')
      expect(tried).toEqual([a, c, b])
      expect(pool.active).toBe(b)
      await pool.run(attempt)
      expect(tried.slice(3)).toEqual([b])
    })

  it.each([failure('controller.unauthorized', 401), failure('controller.refused', 400), failure('controller.unavailable', 429)])(
    'takes $code of status $detail.status as final', async (error) => {
      const pool = createControllerPool({ urls: [a, b] })
      const { attempt, tried } = attempts({ [a]: error, [b]: 'b' })
      await expect(pool.run(attempt)).rejects.toBe(error)
      expect(tried).toEqual([a])
    })

  it('gives the error of the active one when none answers', async () => {
    const first = failure('controller.unreachable')
    const pool = createControllerPool({ urls: [a, b] })
    await expect(pool.run(attempts({ [a]: first, [b]: failure('controller.timeout') }).attempt)).rejects.toBe(first)
    expect(pool.active).toBe(a)
  })

  it('does not grow without bound', () => {
    const pool = createControllerPool({ urls: [a] })
    pool.add(Array.from({ length: 1000 }, (_, index) => `https://h${index}`))
    expect(pool.urls).toHaveLength(32)
  })
})
