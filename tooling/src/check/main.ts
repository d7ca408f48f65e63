import { checkAll } from './all.ts'

const results = await checkAll()
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
