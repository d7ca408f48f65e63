import type { Milliseconds } from '@tunnel/flow'
import type { Stage } from './stage.ts'

export interface Progress {
  update(doneBytes: number, now: Milliseconds): void
  finish(): void
}

const barColumns = 32
const redrawInterval: Milliseconds = 50
const plainSteps = 4

/** A bar that moves on a terminal; elsewhere one plain line per quarter. */
export function createProgress(stage: Stage, totalBytes: number, startedAt: Milliseconds): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY
  let printedSteps = 0

  const describe = (doneBytes: number, now: Milliseconds): string => {
    const percent = `${Math.floor((doneBytes / totalBytes) * 100)} %`.padStart(5)
    return `${percent}  ${formatMebibytes(doneBytes).padStart(7)}  ${formatRate(doneBytes, now - startedAt)}`
  }

  return {
    update(doneBytes, now) {
      if (stage.animated) {
        if (now - drawnAt < redrawInterval && doneBytes < totalBytes) return
        drawnAt = now
        stage.redraw(`    ${drawBar(stage, doneBytes / totalBytes)} ${describe(doneBytes, now)}`)
        return
      }
      const steps = Math.floor((doneBytes / totalBytes) * plainSteps)
      if (steps > printedSteps) stage.line(`    ${describe(doneBytes, now)}`)
      printedSteps = steps
    },
    finish: () => stage.animated && stage.redraw(''),
  }
}

function drawBar(stage: Stage, part: number): string {
  const full = Math.round(part * barColumns)
  return stage.paint('green', '█'.repeat(full)) + stage.paint('dim', '░'.repeat(barColumns - full))
}

export const formatMebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** `312 MB/s`, in decimal megabytes as network people count. */
export function formatRate(bytes: number, elapsed: Milliseconds): string {
  return `${Math.round(bytes / 1000 / Math.max(elapsed, 1))} MB/s`
}
