import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { prepareInside } from './namespace/prepare-inside.ts'

/** The program that `openCommandNamespace` starts inside; its words are the command. */
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) prepareInside(process.argv.slice(2))
