import { describe, expect, it } from 'vitest'
import { createProgress } from './progress.ts'
import { createStage } from './stage.ts'

function play(isTTY: boolean): string {
  let output = ''
  const stage = createStage({ stdout: { isTTY, write: (text: string) => (output += text) }, environment: { NO_COLOR: '1' } })
  const progress = createProgress(stage, 1000 * 2 ** 20, 0)
  for (let done = 0; done <= 1000; done += 1) progress.update(done * 2 ** 20, done)
  progress.finish()
  return output
}

describe('createProgress', () => {
  it('prints a line per quarter where nothing can move', () => {
    expect(play(false).split('\n')).toEqual([
      '     25 %  250 MiB  1049 MB/s',
      '     50 %  500 MiB  1049 MB/s',
      '     75 %  750 MiB  1049 MB/s',
      '    100 %  1000 MiB  1049 MB/s',
      '',
    ])
  })

  it('moves on a terminal, at most every 50 ms, and goes when it is done', () => {
    const frames = play(true).split('\r\u001b[2K')
    expect(frames.length).toBeGreaterThan(15)
    expect(frames.length).toBeLessThan(25)
    expect(frames.at(-2)).toBe(`    ${'█'.repeat(32)} 100 %  1000 MiB  1049 MB/s`)
    expect(frames.at(-1)).toBe('')
  })
})
