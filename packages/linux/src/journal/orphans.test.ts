import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { currentInstance } from './instance.ts'
import { orphansOf } from './orphans.ts'
import { processFields } from './process-fields.ts'

const killed: number[] = []
afterEach(() => {
  for (const pid of killed.splice(0)) process.kill(pid, 'SIGKILL')
})

describe('orphans', () => {
  it('are the programs that a dead instance had started, and no others', async () => {
    // A shell that has started a program, in a process group and session of its own.
    const parent = spawn('/bin/sh', ['-c', 'sleep 30 & echo $!; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    const [text] = (await once(parent.stdout, 'data')) as [Buffer]
    const child = Number(String(text))
    killed.push(child)
    const instance = { ...currentInstance(parent.pid), pid: parent.pid! }
    expect(instance.group).toBe(parent.pid)
    expect(orphansOf(instance)).toEqual([])

    const gone = once(parent, 'exit')
    parent.kill('SIGKILL')
    await gone
    expect(orphansOf(instance)).toEqual([child])
    expect(orphansOf({ ...instance, started: String(Number(processFields(child)![19]) + 1) })).toEqual([])
    expect(orphansOf({ ...instance, boot: 'another' })).toEqual([])
  })
})
