import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commandProblem } from './find-command.ts'

it('says what a shell would say of a command that cannot be run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'find-command-'))
  try {
    writeFileSync(join(folder, 'tool'), '', { mode: 0o755 })
    writeFileSync(join(folder, 'text'), '', { mode: 0o644 })
    const path = `/nowhere:${folder}`
    expect(commandProblem('tool', path)).toBeUndefined()
    expect(commandProblem(join(folder, 'tool'))).toBeUndefined()
    expect(commandProblem('text', path)).toEqual({ code: 126, message: `the command 'text' cannot be run: ${folder}/text is not executable` })
    expect(commandProblem('nosuch', path)).toEqual({ code: 127, message: "there is no command 'nosuch' in the directories of PATH" })
    expect(commandProblem('./nosuch', path)).toMatchObject({ code: 127, message: expect.stringContaining('no such file') })
    expect(commandProblem(folder, path)).toMatchObject({ code: 127 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
