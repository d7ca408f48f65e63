/**
 * `node --conditions=tunnel-source tooling/src/wire/main.ts --left /proc/123/ns/net --right /proc/456/ns/net --delay 20 --loss 0.01 --seed 7`: a wire between
 * 10.77.0.1 and 10.77.0.2 (fd77::1 and fd77::2), until it is ended or its standard input closes.
 */
import { parseArgs } from 'node:util'
import { openWire } from './wire.ts'

const number = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    left: { type: 'string' },
    right: { type: 'string' },
    delay: number,
    jitter: number,
    loss: number,
    duplicate: number,
    corrupt: number,
    reorder: number,
    'reorder-by': number,
    rate: number,
    'queue-bytes': number,
    'queue-packets': number,
    mtu: number,
    seed: number,
  },
})

const given = <K extends string>(name: K, text: string | undefined): { [key in K]?: number } => {
  if (text === undefined) return {}
  const value = Number(text)
  if (!(value >= 0)) throw new Error(`--${name} ${text}: not a number`)
  return { [name]: value } as { [key in K]: number }
}

const wire = openWire({
  left: { ...(values.left !== undefined && { network: values.left }), v4: '10.77.0.1', v6: 'fd77::1', link: 'wire0' },
  right: { ...(values.right !== undefined && { network: values.right }), v4: '10.77.0.2', v6: 'fd77::2', link: values.right === values.left ? 'wire1' : 'wire0' },
  faults: {
    ...given('delay', values.delay),
    ...given('jitter', values.jitter),
    ...given('loss', values.loss),
    ...given('duplicate', values.duplicate),
    ...given('corrupt', values.corrupt),
    ...given('reorder', values.reorder),
    ...given('reorderBy', values['reorder-by']),
    ...given('bytesPerSecond', values.rate),
    ...given('queueBytes', values['queue-bytes']),
  },
  ...given('mtu', values.mtu),
  ...given('seed', values.seed),
  ...given('queuePackets', values['queue-packets']),
})

const summary = ({ packets, bytes, overflowed }: typeof wire.leftToRight): string => `${packets} packets, ${bytes} bytes, ${overflowed} beyond the queue`
const end = (): void => {
  console.log(`left to right: ${summary(wire.leftToRight)}; right to left: ${summary(wire.rightToLeft)}`)
  void wire.close().then(() => process.exit())
}
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.stdin.once('end', end).resume()
console.log('ready')
