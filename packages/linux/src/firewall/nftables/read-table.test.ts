import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAttributeList } from '../../netlink/attribute.ts'
import { messageHeaderBytes, parseMessages } from '../../netlink/message.ts'
import { exampleRuleset } from '../testing-host/example-ruleset.ts'
import { familyInet } from './kernel-numbers.ts'
import { parseChainName, parseElementCount, parseRule, parseSetName } from './read-table.ts'
import { TransactionWriter } from './transaction-writer.ts'
import { writeChange } from './write-change.ts'

/** Our own questions have the form of the kernel's answers, but for the handle of a rule. */
function examplePayloads(): Uint8Array[] {
  const out = new TransactionWriter('ours')
  for (const change of exampleRuleset) writeChange(out, change)
  return (parseMessages(out.finish().messages) ?? []).map(({ payload }) => payload)
}

const parsers = [
  (answer: Uint8Array) => parseRule(answer, 'ours'),
  (answer: Uint8Array) => parseChainName(answer, 'ours'),
  (answer: Uint8Array) => parseSetName(answer, 'ours'),
  parseElementCount,
]

describe('the answers of nf_tables', () => {
  it('are read where they are whole', () => {
    const payloads = examplePayloads()
    expect(payloads.flatMap((payload) => parseSetName(payload, 'ours') ?? [])).toContain('services4')
    expect(payloads.flatMap((payload) => parseSetName(payload, 'other') ?? [])).toEqual([])
    expect(Math.max(...payloads.map(parseElementCount))).toBe(4)
  })

  it('never make a parser throw, cut off and bent as they may be', () => {
    const payloads = examplePayloads()
    const bent = fc
      .tuple(fc.constantFrom(...payloads), fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }))
      .map(([payload, cut, changes]) => {
        const bytes = payload.slice(0, payload.length - (cut % payload.length))
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        return bytes
      })
    const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.of(familyInet, 0, 0, 0, ...bytes))
    fc.assert(
      fc.property(fc.oneof(bent, anything), (bytes) => {
        for (const parse of parsers) parse(bytes)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a transaction', () => {
  it('has whole messages with whole attributes, and asks for one acknowledgement', () => {
    const out = new TransactionWriter('ours')
    exampleRuleset.forEach((change, index) => {
      out.beginChange(index)
      writeChange(out, change)
    })
    const { messages, changeOfMessage } = out.finish()
    const parsed = parseMessages(messages) ?? []
    expect(parsed).toHaveLength(changeOfMessage.length)
    expect(parsed.reduce((sum, { payload }) => sum + messageHeaderBytes + payload.length, 0)).toBe(messages.length)
    for (const { payload } of parsed) expect(parseAttributeList(payload.subarray(4))).toBeDefined()
    expect(parsed.map(({ flags }) => flags & 0x4).filter((ack) => ack !== 0)).toHaveLength(1)
    expect(parsed.at(-2)?.flags).toBe(0xc04)
    expect([changeOfMessage[0], changeOfMessage[1], changeOfMessage.at(-2), changeOfMessage.at(-1)]).toEqual([-1, 0, exampleRuleset.length - 1, -1])
  })
})
