import { describe, expect, it } from 'vitest'
import { examplesOf } from '../../../tooling/src/readme-examples.ts'
import { playExample } from '../../../tooling/src/testing-host/interceptor-example.ts'
import { enterOwnHost, noNetwork, run } from '../../../tooling/src/testing-host/own-network.ts'

const { readme: [example = ''], module } = examplesOf(import.meta.url)

it('shows the example of index.ts', () => expect(module).toBe(example))

describe.skipIf(noNetwork)('the example', () => {
  it('works, and leaves the host as it was', async () => {
    enterOwnHost()
    const state = (): string => run('ip', 'route', 'show', 'table', 'all') + run('ip', 'rule')
    const before = state()
    // The package that reads configs is none that this one depends on.
    const places = { '@tunnel/config': '../../config/src/index.ts', '@tunnel/intercept-tun': './index.ts' }
    const program = Object.entries(places).reduce((text, [name, path]) => text.replace(`'${name}'`, `'${new URL(path, import.meta.url).href}'`), example)
    const { told, heard } = await playExample(program, new URL('..', import.meta.url))
    expect(told).toContain("intercepting tcp 203.0.113.80:80 for service 'web'")
    expect(heard).toBe('of our choice')
    expect(state()).toBe(before)
  }, 20_000)
})
