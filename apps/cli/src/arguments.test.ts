import { describe, expect, it } from 'vitest'
import { resolveBooleanValues, splitCommand } from './arguments.ts'

const booleans = new Set(['--cli-agent', '-v'])

describe('resolveBooleanValues', () => {
  it('resolves values of booleans and touches nothing else', () => {
    expect(resolveBooleanValues(['--cli-agent=false', '-v=true', 'proxy', '--bind=true', 'a=1:2'], booleans)).toEqual(['-v', 'proxy', '--bind=true', 'a=1:2'])
  })

  it('leaves an odd value for the parser to refuse', () => {
    expect(resolveBooleanValues(['--cli-agent=maybe'], booleans)).toEqual(['--cli-agent=maybe'])
  })

  it('stops at --', () => {
    expect(resolveBooleanValues(['--', '-v=true'], booleans)).toEqual(['--', '-v=true'])
  })
})

describe('splitCommand', () => {
  const values = new Set(['-i', '--identity', '--bind'])
  const split = (line: string): [string, string] => {
    const { own, command } = splitCommand(line.split(' '), 'exec', values)
    return [own.join(' '), command.join(' ')]
  }

  it.each([
    ['exec curl -v web', 'exec', 'curl -v web'],
    ['exec -- curl -v', 'exec', 'curl -v'],
    ['-v -i me.json exec --overlay-only curl -i', '-v -i me.json exec --overlay-only', 'curl -i'],
    ['exec -vi me.json curl', 'exec -vi me.json', 'curl'],
    ['exec -ime.json curl', 'exec -ime.json', 'curl'],
    ['exec --identity=me.json curl --identity x', 'exec --identity=me.json', 'curl --identity x'],
    ['exec -i - cat -', 'exec -i -', 'cat -'],
    ['-i exec exec -- -- x', '-i exec exec', '-- x'],
    ['exec --help', 'exec --help', ''],
  ])('%s', (line, own, command) => expect(split(line)).toEqual([own, command]))

  it('leaves other commands alone', () => {
    for (const line of ['proxy exec:80 -v', '-i exec proxy a:1', 'run -- exec x', '-- exec x']) expect(split(line)).toEqual([line, ''])
  })
})
