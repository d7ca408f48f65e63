import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface CommandProblem {
  /** As shells have it. */
  readonly code: 126 | 127
  readonly message: string
}

/** What a shell would say about a command that cannot be run: known before anything is made for it. `path` is the variable. */
export function commandProblem(name: string, path = '/bin:/usr/bin'): CommandProblem | undefined {
  const places = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name))
  const files = places.filter(isFile)
  if (files.some(isExecutable)) return undefined
  if (files.length > 0) return { code: 126, message: `the command '${name}' cannot be run: ${files[0]} is not executable` }
  if (name.includes('/')) return { code: 127, message: `the command '${name}' cannot be run: there is no such file` }
  return { code: 127, message: `there is no command '${name}' in the directories of PATH` }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false // or in a folder that is closed to this user
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
