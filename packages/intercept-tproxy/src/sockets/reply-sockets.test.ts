import { describe, expect, it } from 'vitest'
import { ReplySockets } from './reply-sockets.ts'

describe('reply sockets', () => {
  const at = (port: number) => ({ address: '10.0.0.1', port })
  const client = { address: '192.0.2.1', port: 5 }
  const bytes = new Uint8Array(1)

  it('serve all clients of a destination; the one that was not used for longest makes room', () => {
    const events: string[] = []
    const replies = new ReplySockets({
      limit: 2,
      onFailure: () => {},
      open: ({ port }) => {
        events.push(`open ${port}`)
        return { send: () => true, close: () => void events.push(`close ${port}`) }
      },
    })
    for (const port of [1, 2, 1, 3, 1, 2]) expect(replies.send(bytes, at(port), client)).toBe(true)
    expect(events).toEqual(['open 1', 'open 2', 'open 3', 'close 2', 'open 2', 'close 3'])
    expect(replies.size).toBe(2)
    replies.close()
    expect(replies.size).toBe(0)
  })

  it('drop what cannot leave, and tell why', () => {
    const told: unknown[] = []
    const replies = new ReplySockets({
      limit: 2,
      onFailure: (error, from) => told.push([error, from]),
      open: () => {
        throw new Error('port in use')
      },
    })
    expect(replies.send(bytes, at(1), client)).toBe(false)
    expect(told).toEqual([[new Error('port in use'), at(1)]])
  })
})
