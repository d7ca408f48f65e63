import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openDescriptorChannel, receiveMessage, sendMessage } from './descriptor-channel.ts'

const open: number[] = []
afterEach(() => open.splice(0).forEach((fd) => closeSync(fd)))

function channel(): readonly [number, number] {
  const pair = openDescriptorChannel()
  open.push(...pair)
  return pair
}

describe.skipIf(process.platform !== 'linux')('a descriptor channel', () => {
  it('carries a descriptor with a message, close-on-exec', () => {
    const [left, right] = channel()
    const folder = mkdtempSync(join(tmpdir(), 'descriptor-'))
    writeFileSync(join(folder, 'file'), 'what it is open on')
    const file = openSync(join(folder, 'file'), 'r')
    sendMessage(left, 'here', file)
    closeSync(file)
    rmSync(folder, { recursive: true })
    const message = receiveMessage(right, { wait: true })
    if (typeof message === 'string' || message.descriptor === undefined) throw new Error('no descriptor')
    open.push(message.descriptor)
    expect(message.text).toBe('here')
    expect(readFileSync(message.descriptor, 'utf8')).toBe('what it is open on')
    expect(readFileSync(`/proc/self/fdinfo/${message.descriptor}`, 'utf8')).toMatch(/flags:\s+02\d{6}/)
  })

  it('keeps messages whole, with and without one', () => {
    const [left, right] = channel()
    sendMessage(left, 'one')
    sendMessage(left, 'zwei ü')
    expect([receiveMessage(right, { wait: false }), receiveMessage(right, { wait: false })]).toEqual([{ text: 'one' }, { text: 'zwei ü' }])
  })

  it('tells that there is none yet, and that the other end is gone', () => {
    const [left, right] = channel()
    expect(receiveMessage(right, { wait: false })).toBe('later')
    closeSync(left)
    open.splice(open.indexOf(left), 1)
    expect(receiveMessage(right, { wait: true })).toBe('ended')
    expect(() => sendMessage(right, 'anybody?')).toThrow('EPIPE')
  })
})
