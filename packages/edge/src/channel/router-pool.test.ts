import { CodedError } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import type { RouterAddress } from '../controller/types.ts'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import type { Channel, ChannelOptions } from './channel.ts'
import type { ChannelReceiver } from './connection-table.ts'
import { RouterPool } from './router-pool.ts'

const router = (name: string): RouterAddress => ({ name, url: `tls://${name}:3022`, host: name, port: 3022, online: true })
const anyone: ChannelReceiver = { kind: 'dial', receive: () => {}, drained: () => {}, channelLost: () => {}, inspect: () => '' }
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A pool whose connects the test settles by hand. */
function harness(channelsPerRouter = 4) {
  const clock = createVirtualClock()
  const attempts: { name: string; signal: AbortSignal; succeed: (options?: Pick<ChannelOptions, 'tokenExpiresAt'>) => Promise<Channel>; fail: (code?: string) => void }[] = []
  const logged: string[] = []
  const pool = new RouterPool({
    channelsPerRouter,
    clock,
    log: (severity, _source, message) => void logged.push(`${severity} ${message}`),
    random: () => 1,
    open: ({ name }, signal) =>
      new Promise((resolve, reject) => {
        attempts.push({
          name,
          signal,
          succeed: async (options) => {
            const { channel } = await new ScriptedRouter(options).welcomes()
            resolve(channel)
            return channel
          },
          fail: (code = 'channel.unreachable') => reject(new CodedError(code, `${name} is down`)),
        })
      }),
  })
  return { clock, attempts, pool, logged }
}

describe('the first dial', () => {
  it('tries all routers at once and takes the first', async () => {
    const { attempts, pool } = harness()
    const dial = pool.forDial([router('a'), router('b')])
    expect(attempts.map(({ name }) => name)).toEqual(['a', 'b'])
    const channel = await attempts[1]!.succeed()
    expect(await dial).toBe(channel)
  })

  it('fails with dial.no-router and every reason when none can be reached', async () => {
    const { attempts, pool } = harness()
    const dial = pool.forDial([router('a'), router('b')])
    for (const attempt of attempts) attempt.fail()
    await expect(dial).rejects.toMatchObject({ code: 'dial.no-router', message: expect.stringMatching(/a is down; b is down/) })
    await expect(pool.forDial([])).rejects.toMatchObject({ code: 'dial.no-router' })
  })

  it('is one attempt for dials at the same time', async () => {
    const { attempts, pool } = harness()
    const dials = [pool.forDial([router('a')]), pool.forDial([router('a')])]
    expect(attempts).toHaveLength(1)
    const channel = await attempts[0]!.succeed()
    expect(await Promise.all(dials)).toEqual([channel, channel])
  })
})

describe('a warm-up', () => {
  it('connects to three routers at most, those that are online first; a dial finds the channel', async () => {
    const { attempts, pool } = harness()
    const warm = pool.warmUp([{ ...router('down'), online: false }, ...['a', 'b', 'c'].map(router)])
    expect(attempts.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    const channel = await attempts[1]!.succeed()
    await warm
    expect(await pool.forDial([router('b')])).toBe(channel)
  })

  it('is shared by a dial that comes meanwhile', async () => {
    const { attempts, pool } = harness()
    void pool.warmUp([router('a')])
    const dial = pool.forDial([router('a')])
    expect(attempts).toHaveLength(1)
    const channel = await attempts[0]!.succeed()
    expect(await dial).toBe(channel)
  })

  it('that fails is no news, and no dial waits for it', async () => {
    const { attempts, pool, logged } = harness()
    const warm = pool.warmUp([router('a')])
    attempts[0]!.fail()
    await expect(warm).rejects.toThrow()
    expect(logged).toEqual(['debug a is down'])
    void pool.forDial([router('a')]).catch(() => {})
    expect(attempts).toHaveLength(2)
  })
})

describe('binds', () => {
  it('have channels of their own, up to the limit, then share the least used', async () => {
    const { attempts, pool } = harness(2)
    const bound: Channel[] = []
    for (let bind = 0; bind < 4; bind += 1) {
      const chosen = pool.forBind(router('a'))
      await attempts[bind]?.succeed()
      const channel = await chosen
      channel.connections.allocate(anyone)
      bound.push(channel)
      await settled()
    }
    expect(attempts).toHaveLength(2)
    expect(new Set(bound).size).toBe(2)
    expect(bound.map((channel) => channel.connections.size)).toEqual([2, 2, 2, 2])
  })

  it('leave a channel whose hello has expired to what it has, and close it when it has nothing', async () => {
    const { attempts, pool } = harness(1)
    const first = pool.forBind(router('a'))
    const old = await attempts[0]!.succeed({ tokenExpiresAt: 0 })
    expect(await first).toBe(old)
    const use = old.connections.allocate(anyone)
    const second = pool.forBind(router('a'))
    const fresh = await attempts[1]!.succeed()
    expect(await second).toBe(fresh)
    expect(old.closed).toBeUndefined()
    old.connections.release(use)
    expect(await pool.forBind(router('a'))).toBe(fresh)
    expect(old.closed).toBeDefined()
  })

  it('share a channel when a further one cannot be had', async () => {
    const { attempts, pool } = harness(2)
    const first = pool.forBind(router('a'))
    const channel = await attempts[0]!.succeed()
    ;(await first).connections.allocate(anyone)
    await settled()
    const second = pool.forBind(router('a'))
    attempts[1]!.fail()
    expect(await second).toBe(channel)
  })

  it('do not use the channels of dials', async () => {
    const { attempts, pool } = harness(2)
    const dial = pool.forDial([router('a')])
    const dialled = await attempts[0]!.succeed()
    expect(await dial).toBe(dialled)
    await settled()
    const bind = pool.forBind(router('a'))
    expect(await attempts.at(-1)!.succeed()).toBe(await bind)
    expect(await bind).not.toBe(dialled)
  })
})

describe('circuits', () => {
  it('are spread over channels that open in the background', async () => {
    const { attempts, pool } = harness(2)
    const dial = pool.forDial([router('a')])
    const first = await attempts[0]!.succeed()
    ;(await dial).connections.allocate(anyone)
    expect(await pool.forDial([router('a')])).toBe(first)
    expect(attempts).toHaveLength(2)
    const second = await attempts[1]!.succeed()
    await settled()
    const chosen = await pool.forDial([router('a')])
    expect(chosen).toBe(second)
    second.connections.allocate(anyone)
    await pool.forDial([router('a')])
    expect(attempts).toHaveLength(2)
  })

  it('go to another router when one is lost', async () => {
    const { attempts, pool } = harness()
    const routers = [router('a'), router('b')]
    const dial = pool.forDial(routers)
    const lost = await attempts[0]!.succeed()
    const other = await attempts[1]!.succeed()
    expect(await dial).toBe(lost)
    await settled()
    lost.lost()
    expect(await pool.forDial(routers)).toBe(other)
  })
})

describe('a stalled channel', () => {
  it('gets new circuits only when there is no other', async () => {
    const { attempts, pool } = harness(2)
    const dial = pool.forDial([router('a')])
    const stalled = await attempts[0]!.succeed()
    ;(await dial).connections.allocate(anyone)
    await pool.forDial([router('a')])
    const other = await attempts[1]!.succeed()
    await settled()
    for (let count = 0; count < 3; count += 1) other.connections.allocate(anyone)
    stalled.holdReading({})
    expect(await pool.forDial([router('a')])).toBe(other)
    other.holdReading({})
    expect(await pool.forDial([router('a')])).toBe(stalled)
  })
})

describe('the end of the pool', () => {
  const over = new CodedError('overlay.closed', 'enough')

  it('gives up what is being opened', async () => {
    const { attempts, pool } = harness()
    const dial = pool.forDial([router('a')]).catch(() => {})
    await pool.close(over)
    expect(attempts[0]!.signal.reason).toBe(over)
    attempts[0]!.fail()
    await dial
  })

  it('opens nothing more after a wait', async () => {
    const { attempts, pool, clock } = harness()
    const failed = pool.forDial([router('a')]).catch(() => {})
    attempts[0]!.fail()
    await failed
    const waiting = pool.forDial([router('a')]).catch((error: CodedError) => error.message)
    await pool.close(over)
    expect(await waiting).toContain('enough')
    clock.advance(60_000)
    await settled()
    expect(attempts).toHaveLength(1)
  })
})

describe('after failures', () => {
  it('counts channels that break at the same time as one', async () => {
    const { attempts, pool, clock } = harness(3)
    const channels: Channel[] = []
    for (let count = 0; count < 3; count += 1) {
      const dial = pool.forDial([router('a')])
      channels.push(await attempts[count]!.succeed())
      ;(await dial).connections.allocate(anyone)
      await settled()
    }
    for (const channel of channels) channel.lost()
    void pool.forDial([router('a')]).catch(() => {})
    clock.advance(500)
    await settled()
    expect(attempts).toHaveLength(4)
  })

  it('waits longer each time before it tries again', async () => {
    const { attempts, pool, clock } = harness()
    for (const wait of [0, 500, 1000, 2000]) {
      const dial = pool.forDial([router('a')]).catch((error: CodedError) => error.code)
      const before = attempts.length
      if (wait > 0) {
        clock.advance(wait - 1)
        await settled()
        expect(attempts.length).toBe(before)
        clock.advance(1)
        await settled()
      }
      attempts.at(-1)!.fail()
      expect(await dial).toBe('dial.no-router')
    }
    expect(attempts).toHaveLength(4)
  })
})

describe('a new login', () => {
  it('retires channels: old circuits stay, new ones go elsewhere', async () => {
    const { attempts, pool } = harness()
    const dial = pool.forDial([router('a')])
    const old = await attempts[0]!.succeed()
    const connId = (await dial).connections.allocate(anyone)
    await settled()
    pool.retire()
    expect(old.closed).toBeUndefined()
    const next = pool.forDial([router('a')])
    const fresh = await attempts[1]!.succeed()
    expect(await next).toBe(fresh)
    old.release(connId, anyone)
    await settled()
    await pool.forDial([router('a')])
    expect(old.closed?.code).toBe('channel.closed')
  })
  it('does not put off new channels: it was we who closed the old ones', async () => {
    const { attempts, pool } = harness(1)
    const dial = pool.forDial([router('a')])
    await attempts[0]!.succeed()
    await dial
    await settled()
    pool.retire()
    void pool.forDial([router('a')]).catch(() => {})
    await settled()
    expect(attempts).toHaveLength(2)
  })
})
