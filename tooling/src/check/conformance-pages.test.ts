import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../../../docs/conformance')
const pages = readdirSync(folder).filter((name) => name.endsWith('.md'))
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

/** What an apostrophe looks like between those that a title stands in. */
const asWritten = (title: string): string => title.replaceAll("'", "\\'")

/** Links whose place is not there; of tests, also those whose title is not. */
function brokenLinks(name: string): string[] {
  const links = [...read(name).matchAll(/\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g)]
  return links.filter(([, title = '', path = '']) => {
    const file = join(dirname(join(folder, name)), path)
    if (!existsSync(file)) return true
    return path.endsWith('.ts') && !readFileSync(file, 'utf8').includes(asWritten(title))
  }).map(([link]) => link)
}

describe('docs/conformance', () => {
  it.each(pages)('%s links only to what is there, and to tests by their names', (name) => {
    expect(brokenLinks(name)).toEqual([])
  })

  it('rfc9293.md has every requirement of appendix B once, each that is met with a test, and counts right', () => {
    const page = read('rfc9293.md')
    const rows = [...page.matchAll(/^\| ((MUST|SHLD|MAY|REC)-\d+) \| ([^|]*) \| ([^|]*) \| (.*) \|$/gm)].map(([, id = '', kind = '', , state = '', shown = '']) => ({ id, kind, state, shown }))
    const expected = Object.entries({ MUST: 69, SHLD: 31, MAY: 18, REC: 1 }).flatMap(([kind, count]) => Array.from({ length: count }, (_, at) => `${kind}-${at + 1}`))
    expect(rows.map(({ id }) => id).toSorted()).toEqual(expected.toSorted())
    expect(rows.filter(({ state, shown }) => state === 'met' && !shown.includes('.ts)'))).toEqual([])
    const count = (kinds: string[], state: string): number => rows.filter((row) => kinds.includes(row.kind) && row.state === state).length
    for (const [word, kinds] of [['MUST', ['MUST']], ['SHOULD', ['SHLD', 'REC']]] as const) {
      const [met, unmet, other] = [count([...kinds], 'met'), count([...kinds], 'not met'), count([...kinds], 'n/a')]
      expect(page).toContain(`${word}: ${met} of ${met + unmet} met, ${other} do not apply.`)
    }
  })
})
