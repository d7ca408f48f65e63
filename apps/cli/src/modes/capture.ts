import { createConnection, type Socket } from 'node:net'
import { CodedError } from '@tunnel/flow'
import { findInstance } from '../capture/find-instance.ts'
import { createPcapFile } from '../capture/pcap-file.ts'
import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Running } from '../lifetime.ts'
import type { CaptureOptions } from '../options/capture-options.ts'
import type { Session } from '../session.ts'

const source = 'ziti-tunnel/subcmd.capture'

/** Writes what passes the stack of a program that runs, until one of both is ended or the limit is reached. */
export async function startCapture(session: Session, pid: number | undefined): Promise<Running> {
  const { options, log } = session
  const { capture } = options.intercept
  if (!capture) throw new CodedError('usage.pcap', "capture needs a file: 'ziti-tunnel capture --pcap FILE', or --pcap - for another program to read")
  const { path, pid: found } = await findInstance(session, pid)
  const socket = await connected(path)
  socket.write(`${Number.isFinite(capture.limitBytes) ? capture.limitBytes : 'none'}\n`)
  log('info', source, `capturing what passes the stack of the ziti-tunnel with pid ${found}; ends with Ctrl-C`, { file: capture.file })
  const ended = capture.file === '-' ? toOutput(socket) : toFile(session, socket, capture)
  return {
    ended,
    async stop() {
      socket.end()
      await ended
    },
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => resolve(socket))
    socket.once('error', (error) => reject(new CodedError('capture.none', `the ziti-tunnel of ${path} does not answer: it has ended, or belongs to another user (sudo)`, { cause: error })))
  })
}

function toFile({ log }: Session, socket: Socket, { file: path }: CaptureOptions): Promise<ExitCode> {
  return new Promise((resolve) => {
    let [bytes, code]: [number, ExitCode] = [0, exitCodes.ok]
    const file = createPcapFile(path, (error) => {
      log('error', source, error.message, { file: path })
      code = exitCodes.fatal
      socket.destroy()
    })
    socket.on('data', (piece) => {
      bytes += piece.length
      file.write(piece)
    })
    socket.on('error', () => {}).on('end', () => socket.end()).on('close', () => {
      file.close()
      log('info', source, 'the capture has ended', { file: path, bytes })
      resolve(code)
    })
  })
}

function toOutput(socket: Socket): Promise<ExitCode> {
  // Its reader has ended.
  process.stdout.on('error', () => socket.destroy())
  socket.pipe(process.stdout, { end: false })
  return new Promise((resolve) => socket.on('error', () => {}).on('close', () => resolve(exitCodes.ok)))
}
