import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHostState, type HostState, type UndoReport } from '@tunnel/linux'

export interface ScratchState {
  readonly host: HostState
  /** What was left to undo. */
  close(): Promise<UndoReport>
}

/** The state of a host whose journal is gone with the test. */
export async function openScratchState(): Promise<ScratchState> {
  const directory = mkdtempSync(join(tmpdir(), 'ziti-tunnel-state-'))
  const host = await openHostState({ stateDirectory: directory, janitor: false })
  return {
    host,
    async close() {
      const report = await host.restore()
      rmSync(directory, { recursive: true, force: true })
      return report
    },
  }
}
