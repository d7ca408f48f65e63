import { formatEndpoint } from '@tunnel/flow'
import { fetchPage } from './fetch-page.ts'
import { createProgress, formatMebibytes, formatRate } from './progress.ts'
import type { Stage } from './stage.ts'
import { echoThrough } from './transfer.ts'
import type { DemoWorld } from './world.ts'

const transferBytes = 100 * 2 ** 20

/** Resolves with whether everything was right. What fails is shown and does not stop the rest. */
export async function playShow(stage: Stage, world: DemoWorld, signal: AbortSignal): Promise<boolean> {
  const acts = [playFetch, playTransfer]
  let right = true
  for (const act of acts) {
    try {
      right = (await act(stage, world)) && right
    } catch (error) {
      if (signal.aborted) return false // the user stopped it: no failure to show
      stage.step('Failed', error instanceof Error ? error.message : String(error), false)
      right = false
    }
  }
  return right
}

async function playFetch(stage: Stage, { web }: DemoWorld): Promise<boolean> {
  const url = `http://${formatEndpoint(web)}/hello`
  stage.line(`\n  ${stage.paint('cyan', '$')} curl ${url}`)
  const { body, elapsed, program } = await fetchPage(url)
  stage.quote(body)
  const right = body.includes('/hello')
  const note = program === 'curl' ? '' : ' (this machine has no curl)'
  stage.step(`Fetched by ${program}`, `in ${Math.round(elapsed)} ms${note}`, right)
  return right
}

async function playTransfer(stage: Stage, { echo }: DemoWorld): Promise<boolean> {
  stage.line(`\n  ${formatMebibytes(transferBytes)} through the tunnel to the echo server, and back`)
  const progress = createProgress(stage, transferBytes, performance.now())
  const result = await echoThrough(echo, transferBytes, (bytes) => progress.update(bytes, performance.now()))
  progress.finish()
  const right = result.bytes === transferBytes && result.sentHash === result.receivedHash
  const seconds = (result.elapsed / 1000).toFixed(2)
  stage.step('Throughput', `${formatRate(result.bytes, result.elapsed)} each way (${seconds} s; all of it in one process)`, right)
  const verdict = right ? 'equal at both ends' : `sent ${result.sentHash.slice(0, 16)}…`
  stage.step('SHA-256', `${result.receivedHash.slice(0, 16)}… ${verdict}`, right)
  return right
}

/** What to try by hand. */
export function showCommands(stage: Stage, { web, echo }: DemoWorld): void {
  stage.line('\n  Try it by hand, in another terminal:')
  stage.line(`    ${stage.paint('cyan', '$')} curl http://${formatEndpoint(web)}/anything`)
  stage.line(`    ${stage.paint('cyan', '$')} nc ${echo.address} ${echo.port}${stage.paint('dim', '      (answers what you type)')}`)
  stage.line(`\n  ${stage.paint('dim', 'Ctrl-C ends it; nothing stays behind.')}`)
}
