import { describe, expect, it } from 'vitest'
import { examplesOf } from '../../../tooling/src/readme-examples.ts'
import { playExample } from '../../../tooling/src/testing-host/interceptor-example.ts'
import { enterOwnHost, noNetwork, run } from '../../../tooling/src/testing-host/own-network.ts'

const { readme: [example = ''], module } = examplesOf(import.meta.url)

it('shows the example of index.ts', () => expect(module).toBe(example))

describe.skipIf(noNetwork)('the example', () => {
  it('works, and leaves the host as it was', async () => {
    enterOwnHost()
    const state = (): string => run('ip', 'route', 'show', 'table', 'all') + run('nft', 'list', 'ruleset')
    const before = state()
    // The program has all of our packages; this one does not need @tunnel/config.
    const { told, heard } = await playExample(example, new URL('../../../apps/cli/', import.meta.url))
    expect(told).toContain("intercepting tcp 203.0.113.80:80 for service 'web'")
    expect(heard).toBe('of our choice')
    expect(state()).toBe(before)
  }, 20_000)
})
