import { expect, it } from 'vitest'
import { CodedError, isCodedError } from '../coded-error.ts'
import { testError, type Pair } from './flow-pair.ts'
import { pattern } from './random.ts'
import { turns, until } from './until.ts'

export function halfCloseTests(pair: Pair): void {
  for (const first of ['left', 'right'] as const) {
    it(`keeps the other half open when ${first} ends first`, async () => {
      const { left, right, closed } = pair()
      const [early, late] = first === 'left' ? [left, right] : [right, left]
      early.attach()
      late.attach()
      early.send('last words')
      early.end()
      await until(() => late.ends === 1, 'the end')
      expect(late.text).toBe('last words')
      late.send('still ')
      await until(() => early.text === 'still ', 'data after our FIN')
      late.send('talking')
      await turns(3)
      expect(early.closes.length + late.closes.length).toBe(0)
      late.end()
      await closed()
      expect(early.text).toBe('still talking')
      expect([early.ends, late.ends]).toEqual([1, 1])
      expect([...early.closes, ...late.closes]).toEqual([undefined, undefined])
    })
  }

  it('closes in order when both end at once', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    left.send(pattern(0, 100_000))
    right.send('short')
    left.end()
    right.end()
    await closed()
    expect([right.receivedBytes, left.text]).toEqual([100_000, 'short'])
    expect([...left.closes, ...right.closes]).toEqual([undefined, undefined])
    await turns(3)
  })

  it('ignores and counts sends after end, and says that they need not wait', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    left.end()
    expect(left.send('late', 'released')).toBe(true)
    expect(left.send('later')).toBe(true)
    left.end()
    right.end()
    await closed()
    left.send('latest', 'released')
    expect(left.flow.lateSends).toBe(3)
    expect(left.releases).toBe(3)
    expect(right.receivedBytes).toBe(0)
  })
}

export function resetTests(pair: Pair): void {
  it('closes both ends with an error, and delivers nothing more', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    right.send('unread')
    const error = testError()
    left.reset(error)
    await closed()
    expect(left.closes).toEqual([error])
    expect(left.receivedBytes).toBe(0)
    expect(isCodedError(right.closes[0])).toBe(true)
    expect(right.ends).toBe(0)
    await turns(3)
  })

  it('works after our end, and after theirs', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    left.end()
    await until(() => right.ends === 1, 'the end')
    right.reset(testError())
    await closed()
    expect(right.closes[0]?.code).toBe('test.reset')
    expect(isCodedError(left.closes[0])).toBe(true)
    expect(left.ends).toBe(0)
  })

  it('is reported after attach when it came before', async () => {
    const { left, right } = pair()
    right.attach()
    left.reset(testError())
    await until(() => right.closes.length === 1, 'close of the peer')
    left.attach()
    await until(() => left.closes.length === 1, 'close')
    expect(left.closes[0]?.code).toBe('test.reset')
  })

  it('counts once, and later calls are ignored', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    left.reset(testError())
    left.reset(new CodedError('test.second', 'too late'))
    left.end()
    left.pause()
    left.resume()
    expect(left.send('late')).toBe(true)
    await closed()
    left.reset(testError())
    await turns(3)
    expect(left.closes.map((error) => error?.code)).toEqual(['test.reset'])
    expect(left.flow.lateSends).toBe(1)
  })
}
