import { expect, it } from 'vitest'
import { unlimited } from './congestion/unlimited.ts'
import { Simulation } from './testing/simulation.ts'

const buffers = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768]
const losses = [0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3]

/** smoltcp's figures for the same set-up, from its own snapshot, bytes a second. */
const smoltcp: Readonly<Record<number, readonly number[]>> = {
  128: [1_280, 1_256, 1_054, 886, 539, 228, 34, 7],
  256: [2_560, 2_507, 2_100, 1_770, 1_071, 468, 67, 14],
  512: [5_120, 5_012, 4_172, 3_532, 2_099, 942, 145, 29],
  1024: [10_239, 10_023, 8_341, 7_084, 4_003, 1_870, 291, 61],
  2048: [17_535, 17_172, 14_094, 11_964, 7_399, 3_416, 690, 127],
  4096: [35_062, 33_859, 26_937, 21_886, 14_073, 7_870, 1_603, 401],
  8192: [77_374, 72_992, 58_490, 46_527, 29_421, 15_515, 3_737, 710],
  16384: [161_842, 159_310, 127_090, 104_233, 55_319, 27_269, 7_654, 1_277],
  32768: [322_944, 314_779, 219_670, 166_587, 76_626, 37_774, 6_079, 1_156],
}

/** Bytes a second through a round trip of 100 ms, MTU 1500, with equal buffers at both ends and no congestion control (smoltcp's netsim). */
function throughput(bufferBytes: number, loss: number): number {
  const settings = {
    receiveBufferBytes: bufferBytes,
    largestReceiveBufferBytes: bufferBytes,
    flightLimitBytes: bufferBytes,
    sendLimitBytes: bufferBytes,
    createCongestion: unlimited,
    giveUpAfter: Number.POSITIVE_INFINITY,
  }
  const simulation = new Simulation({ delay: 50, loss, settings })
  const { client, server } = simulation
  client.sendBytes = bufferBytes < 4096 ? 300 * 1024 : 10 * 1024 * 1024
  expect(simulation.run(() => server.receivedBytes >= client.sendBytes)).toBe(true)
  expect(server.firstDifference).toBe(-1)
  return (server.receivedBytes / simulation.now) * 1000
}

/**
 * How many times theirs we are to make (issue 5: three times at 5 and at 10 %, where that can be). At 10 % all nine cells do. At 5 % three times theirs is
 * more than a window for each round trip, up to 16 KiB; with 32 KiB it is more than a sender makes who is told of each loss after one round trip
 * and loses no ACK (229,199 by simulation, of which we make 94 %).
 */
function factorOver(loss: number, buffer: number): number {
  if (loss === 0.1) return 3
  if (loss === 0.05) return buffer < 32_768 ? 1.9 : 2.7
  // Windows of one segment: smoltcp's sum is rounded up, and there is nothing to be recovered.
  return loss === 0 && buffer <= 1024 ? 0.99 : 1
}

it('throughput by buffer and loss stays what it is, and above smoltcp', { timeout: 120_000 }, () => {
  const table = buffers.map((buffer) => ({ buffer, figures: losses.map((loss) => throughput(buffer, loss)) }))
  for (const { buffer, figures } of table) {
    const theirs = smoltcp[buffer] ?? []
    for (const [index, loss] of losses.entries()) expect(figures[index], `${buffer} bytes, loss ${loss}`).toBeGreaterThanOrEqual((theirs[index] ?? 0) * factorOver(loss, buffer))
  }
  const line = (first: string, rest: readonly string[]): string => first.padStart(8) + rest.map((cell) => cell.padStart(11)).join('')
  const lines = table.map(({ buffer, figures }) => line(String(buffer), figures.map((figure) => figure.toFixed(2))))
  expect([line('buf\\loss', losses.map((loss) => loss.toFixed(3))), ...lines].join('\n')).toMatchSnapshot()
})
