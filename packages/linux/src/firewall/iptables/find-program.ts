import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'

/** Where a program is, found as a shell finds it. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(':')
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
