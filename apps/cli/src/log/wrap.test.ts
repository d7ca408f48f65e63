import { describe, expect, it } from 'vitest'
import { wrapText } from './wrap.ts'

describe('wrapText', () => {
  const text = 'no systemd-resolved; no resolvconf; /etc/resolv.conf is a regular file'

  it('breaks between words', () => {
    expect(wrapText(text, 30)).toEqual(['no systemd-resolved; no', 'resolvconf; /etc/resolv.conf', 'is a regular file'])
  })

  it('keeps words whole, and all of the text', () => {
    const path = '/a/very/long/path/that/has/more/characters/than/there/are/columns'
    expect(wrapText(`see ${path} there`, 24)).toEqual(['see', path, 'there'])
  })

  it.each([undefined, 10, 200])('with %s columns it is one line', (columns) => {
    expect(wrapText(text, columns)).toEqual([text])
  })
})
