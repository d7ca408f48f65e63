import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const testdata = new URL('../testdata/', import.meta.url)
/** The reference material lies beside the clone of those who wrote it, and nowhere else. */
const reference = new URL('../../../../shared/reference/', import.meta.url)
const read = (base: URL, path: string) => readFileSync(new URL(path, base), 'utf8')

describe.skipIf(!existsSync(reference))('copies of the reference', () => {
  it('are equal to it: the services of a real controller', () => {
    const name = 'legacy-services-configtypes-all.json'
    expect(read(testdata, name)).toBe(read(reference, `captures/${name}`))
  })

  it("are equal to it: the identity in the original's README", () => {
    const block = read(testdata, 'original-readme-identity.json').replaceAll(/^(?=.)/gm, '    ')
    expect(read(reference, 'ziti-tunnel-original-readme.md')).toContain(`\n\n${block}\n`)
  })
})
