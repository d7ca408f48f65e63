import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** The source of our test data lies beside the clone on the machines of this project, and nowhere else. */
const source = new URL('../../../../../shared/reference/', import.meta.url)
const copies = new URL('../../testdata/', import.meta.url)

describe.skipIf(!existsSync(source)).each(['vectors', 'captures'])('testdata/%s', (folder) => {
  const names = readdirSync(new URL(`${folder}/`, copies)).filter((name) => name.endsWith('.json'))

  it('has every file of the source', () => {
    const wanted = existsSync(source) ? readdirSync(new URL(`${folder}/`, source)).filter((name) => name.endsWith('.json')) : []
    expect(names).toEqual(wanted)
  })

  it.each(names)('%s equals its source', (name) => {
    expect(readFileSync(new URL(`${folder}/${name}`, copies), 'utf8')).toBe(readFileSync(new URL(`${folder}/${name}`, source), 'utf8'))
  })
})
