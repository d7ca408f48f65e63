import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tunnel/flow'
import { createMemoryPipe, createNetstack, createPcapTap, type PcapTap } from '@tunnel/netstack'
import { describe, expect, it } from 'vitest'
import type { Session } from '../session.ts'
import { parseCaptureLimit } from '../options/capture-options.ts'
import { openCaptureServer } from './capture-server.ts'
import { captureToFile } from './capture-to-file.ts'
import { findInstance } from './find-instance.ts'
import { limitedSink } from './limited-sink.ts'
import { createPcapFile } from './pcap-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'capture-'))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const fileHeaderBytes = 24

/** Two stacks that talk, with a tap between them. */
function conversation(): { tap: PcapTap; talk(datagrams: number, bytes?: number): Promise<void> } {
  const tap = createPcapTap({ clock: systemClock })
  const [left, right] = createMemoryPipe({ mtu: 65_535 })
  const client = createNetstack({ device: tap.through(left), addresses: ['10.0.0.1'] })
  const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })
  server.bind({ port: 7, onMessage: () => {} })
  const socket = client.bind({ port: 4000, onMessage: () => {} })
  return {
    tap,
    async talk(datagrams, bytes = 100) {
      for (let each = 0; each < datagrams; each += 1) socket.send(new Uint8Array(bytes), { address: '10.0.0.2', port: 7 })
      await turn()
      await turn()
    },
  }
}

/** Packets that a capture has, which must be whole. */
function packetsOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  let count = 0
  let at = fileHeaderBytes
  for (; at < bytes.length; count += 1) at += 16 + view.getUint32(at + 8, true)
  expect(at).toBe(bytes.length)
  return count
}

describe('--pcap FILE', () => {
  it('has every packet at the end of its turn, and is closed to others', async () => {
    const { tap, talk } = conversation()
    const file = join(folder, 'a.pcap')
    captureToFile(tap, { file, limitBytes: 1 << 20 }, () => {})
    for (const sent of [1, 2, 3]) {
      await talk(1)
      expect(packetsOf(readFileSync(file))).toBe(sent)
    }
    expect(statSync(file).mode & 0o777).toBe(0o600)
    if (spawnSync('tcpdump', ['--version']).status !== 0) return
    expect(execFileSync('tcpdump', ['-nr', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toMatch(/^\S+ IP 10\.0\.0\.1\.4000 > 10\.0\.0\.2\.7: UDP, length 100\n/)
  })

  it('ends with whole packets at its limit, and says so', async () => {
    const { tap, talk } = conversation()
    const file = join(folder, 'limit.pcap')
    const said: string[] = []
    captureToFile(tap, { file, limitBytes: 1_000 }, (level, _source, message) => void said.push(`${level} ${message}`))
    await talk(20)
    expect(packetsOf(readFileSync(file))).toBe(Math.floor((1_000 - fileHeaderBytes) / (16 + 128)))
    expect(said.at(-1)).toMatch(/^warn .*--pcap-limit/)
  })

  it('that cannot be written is said at once; a full disk ends the capture alone', async () => {
    expect(() => createPcapFile(join(folder, 'no', 'such'), () => {})).toThrow(expect.objectContaining({ code: 'capture.file' }))
    const errors: Error[] = []
    const full = createPcapFile('/dev/full', (error) => errors.push(error))
    full.write(new Uint8Array(10))
    await turn()
    full.write(new Uint8Array(10))
    full.close()
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('ENOSPC')])
  })
})

describe('capture, of a program that runs', () => {
  const session = { options: { intercept: { stateDirectory: folder } }, terminal: { environment: {} } } as unknown as Session

  it('is a stream that begins when it is asked for, and ends at its limit or with its reader', async () => {
    const { tap, talk } = conversation()
    const path = join(folder, 'one.pcap')
    const server = await openCaptureServer(path, tap)
    await talk(5)
    const socket = createConnection(path)
    const pieces: Buffer[] = []
    const ended = once(socket, 'end')
    socket.on('data', (piece: Buffer) => pieces.push(piece)).write('1000\n')
    await expect.poll(() => pieces.length).toBe(1)
    await talk(20)
    await ended
    expect(packetsOf(Buffer.concat(pieces))).toBe(6)
    const gone = createConnection(path)
    gone.write('none\n')
    await once(gone, 'data')
    gone.destroy()
    const impolite = createConnection(path)
    impolite.write('x'.repeat(100))
    await once(impolite.resume(), 'close')
    server.close()
  })

  it('is found by its socket; those of the dead go', async () => {
    await expect(findInstance(session, undefined)).rejects.toMatchObject({ code: 'capture.none' })
    const status = join(folder, 'status')
    execFileSync('mkdir', ['-p', status])
    const { tap } = conversation()
    const servers = await Promise.all(['71.pcap', '72.pcap'].map((name) => openCaptureServer(join(status, name), tap)))
    writeFileSync(join(status, '73.sock'), '')
    await expect(findInstance(session, undefined)).rejects.toMatchObject({ code: 'capture.several', message: expect.stringContaining('--pid 71 or --pid 72') })
    expect(await findInstance(session, 72)).toEqual({ path: join(status, '72.pcap'), pid: '72' })
    for (const server of servers) server.close()
    expect(readdirSync(status)).toEqual(['73.sock'])
  })
})

it('limitedSink passes whole pieces only', () => {
  const [passed, ends]: [number[], string[]] = [[], []]
  const sink = limitedSink((piece) => passed.push(piece.length), 10, () => ends.push('full'))
  for (const length of [4, 4, 4, 1]) sink(new Uint8Array(length))
  expect([passed, ends]).toEqual([[4, 4], ['full']])
})

it.each([['500', 500], ['2k', 2048], ['5M', 5 << 20], ['2GB', 2 ** 31], ['none', Number.POSITIVE_INFINITY]])('--pcap-limit %s', (text, bytes) => {
  expect(parseCaptureLimit(text)).toBe(bytes)
  for (const wrong of ['', '0', '-1', '5T', '1.5G']) expect(() => parseCaptureLimit(wrong)).toThrow(/500M/)
})
