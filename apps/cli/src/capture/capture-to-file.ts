import type { PcapTap } from '@tunnel/netstack'
import type { ProgramLog } from '../log/create-log.ts'
import type { CaptureOptions } from '../options/capture-options.ts'
import { limitedSink } from './limited-sink.ts'
import { createPcapFile } from './pcap-file.ts'

const source = 'ziti-tunnel/capture'

/** `--pcap`: from the first packet on. Throws `capture.file`. */
export function captureToFile(tap: PcapTap, { file: path, limitBytes }: CaptureOptions, log: ProgramLog): void {
  let stop = (): void => {}
  const file = createPcapFile(path, (error) => {
    stop()
    log('warn', source, `the capture has ended, what was written is whole: ${error.message}`, { file: path })
  })
  const full = (): void => {
    stop()
    file.close()
    log('warn', source, 'the capture is as large as --pcap-limit allows, and has ended', { file: path, bytes: limitBytes })
  }
  stop = tap.add(limitedSink((piece) => file.write(piece), limitBytes, full))
  log('info', source, 'capturing what passes the stack', { file: path })
}
