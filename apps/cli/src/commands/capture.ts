import { InvalidArgumentError } from 'commander'
import type { DefineCommand } from './command.ts'
import { addExamples, runLong } from './command.ts'

function parsePid(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be the number of a process.')
  return Number(text)
}

export const defineCapture: DefineCommand = (program, run) => {
  const command = program
    .command('capture')
    .description("write what passes the stack of a running 'tun' or 'exec' to a file that tcpdump and Wireshark read")
    .usage('--pcap FILE [options]')
    .option('--pid <pid>', 'of which one, where several run', parsePid)
  addExamples(command, [
    'sudo ziti-tunnel capture --pcap ziti.pcap',
    'sudo ziti-tunnel capture --pcap - | tcpdump -nr -',
    'ziti-tunnel exec --pcap ziti.pcap -i ziti.json -- curl http://web.ziti   # from the first packet on',
  ])
  command.action(({ pid }: { pid?: number }) =>
    runLong(run, 'capture', async (session) => {
      const { startCapture } = await import('../modes/capture.ts')
      return startCapture(session, pid)
    }),
  )
}
