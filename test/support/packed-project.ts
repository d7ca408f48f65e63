import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { root } from './pack.ts'
import { run, start, type Finished, type Running } from './programs.ts'

/** A user's project: empty, outside of the workspace. */
export interface PackedProject {
  readonly folder: string
  /** Makes the project with what the words say, and lets no script of any package run. */
  install(...words: readonly string[]): Promise<void>
  /** Stands in for the installation of a package that lies on this machine. */
  link(packageName: string, from: string): void
  write(file: string, text: string): void
  /** Deletes a file or folder. */
  remove(path: string): void
  /** Runs a TypeScript file with the Node of this process. */
  node(file: string): Promise<Finished>
  /** Starts a TypeScript file that stays. */
  startNode(file: string): Running
  run(command: string, ...words: readonly string[]): Promise<Finished>
  /** Checks files as a careful user would: strict, and the declarations of libraries too. */
  typeErrors(...files: readonly string[]): Promise<string>
  /** Every file of an installed package. */
  filesOf(packageName: string): readonly { readonly path: string; readonly text: string }[]
}

const compilerOptions = {
  target: 'es2023', lib: ['es2023'], module: 'nodenext', types: ['node'], strict: true, skipLibCheck: false, noEmit: true,
  exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true,
}

export function createPackedProject(folder: string): PackedProject {
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  // npm and installed programs shall run in the Node of the tests, whichever the machine has.
  const environment = { PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` }
  const runHere = (command: string, ...words: readonly string[]): Promise<Finished> => run(command, words, { cwd: folder, seconds: 60, environment })
  return {
    folder,
    write,
    run: runHere,
    async install(...words) {
      mkdirSync(folder, { recursive: true })
      write('package.json', JSON.stringify({ name: 'a-project', private: true, type: 'module' }))
      const { code, stderr } = await runHere('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...words)
      if (code !== 0) throw new Error(`npm install ${words.join(' ')} failed:\n${stderr}`)
    },
    link: (packageName, from) => symlinkSync(realpathSync(from), join(folder, 'node_modules', packageName), 'junction'),
    remove: (path) => rmSync(join(folder, path), { recursive: true, force: true }),
    node: (file) => runHere(process.execPath, file),
    startNode: (file) => start(process.execPath, [file], { cwd: folder }),
    async typeErrors(...files) {
      write('tsconfig.json', JSON.stringify({ compilerOptions, files }))
      return (await runHere(join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.json')).stdout
    },
    filesOf: (packageName) => {
      const home = join(folder, 'node_modules', packageName)
      return readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
        .map((file) => ({ path: file.slice(home.length + 1).replaceAll('\\', '/'), text: readFileSync(file, 'utf8') }))
    },
  }
}
