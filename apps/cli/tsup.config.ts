import { readFile, writeFile } from 'node:fs/promises'
import type { Options } from 'tsup'
import { packageBuild } from '../../tooling/build/tsup.ts'

// What start-up needs goes into the program: few files to load, and of each package only the modules that are used.
// Measured: 8 MiB less memory, about a third less CPU time up to the first connection. What only enrollment needs (x509),
// and what has files of its own (sodium), stays outside, hence in `dependencies`.
const bundled = ['commander', 'dns-packet', 'jose', 'zod']

/**
 * An ES import of a builtin module reads every property of it, and reading one of `node:http` (WebSocket) loads undici:
 * measured, some 25 ms of CPU time and 3 MiB for nothing. So the bundle takes what it uses of it from `process.getBuiltinModule`.
 */
const httpWithoutUndici: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'http-without-undici',
  setup(build) {
    build.onResolve({ filter: /^node:https?$/ }, ({ path }) => ({ path, namespace: 'builtin' }))
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `export const { Agent, createServer, get, request } = process.getBuiltinModule('${path}')`,
    }))
  },
}

/** `dns-packet` is CommonJS and asks for `buffer`, for which an ES bundle has no `require`. */
const bufferForCommonJs: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'buffer-for-commonjs',
  setup(build) {
    build.onResolve({ filter: /^buffer$/ }, ({ path }) => ({ path, namespace: 'commonjs-builtin' }))
    build.onLoad({ filter: /.*/, namespace: 'commonjs-builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('node:${path}')`,
    }))
  },
}

export default packageBuild(
  // Two more programs: the janitor cleans up when this one was killed, and the other prepares the namespace of a command.
  {
    main: 'src/main.ts',
    index: 'src/index.ts',
    janitor: '../../packages/linux/src/janitor.ts',
    'namespace-init': '../../packages/linux/src/namespace-init.ts',
  },
  {
    noExternal: [/^@tunnel\//, ...bundled],
    esbuildOptions: (options) => void (options.conditions = ['tunnel-source']),
    removeNodeProtocol: false,
    esbuildPlugins: [httpWithoutUndici, bufferForCommonJs],
    onSuccess: writeNotices,
  },
)

/** Their licenses ask that their text goes where their code goes. */
async function writeNotices(): Promise<void> {
  const notices = await Promise.all(bundled.map(async (name) => `${name}\n\n${await readLicense(name)}`))
  await writeFile('dist/THIRD-PARTY-NOTICES.txt', notices.join(`\n${'-'.repeat(80)}\n\n`))
}

async function readLicense(name: string): Promise<string> {
  const folder = `node_modules/${name}`
  return readFile(`${folder}/LICENSE`, 'utf8').catch(() => readFile(`${folder}/LICENSE.md`, 'utf8'))
}
