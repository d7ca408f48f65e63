import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { conformancePage } from './conformance-page.ts'
import { openKernelHost, type KernelHost } from './kernel-lab.ts'
import type { Lab } from './lab.ts'
import { openStackLab } from './stack-lab.ts'
import type { Case } from './theme.ts'
import { themes } from './themes.ts'
import { requirementThemes } from './themes/requirements.ts'

const noNetwork = process.getuid?.() === 0 ? undefined : 'needs root: a network of its own and a TUN'
const cases = [...themes, ...requirementThemes].flatMap(({ name, cases }) => cases.map((one) => [name, one.title, one] as const))

async function runIn(lab: Lab, { run }: Case): Promise<void> {
  try {
    await run(lab)
  } finally {
    await lab.close()
  }
}

describe('our stack', () => {
  it.each(cases)('%s: %s', async (_name, _title, one) => runIn(openStackLab(one.options), one))
})

// All at once: what they do most is wait.
vi.setConfig({ maxConcurrency: 100 })
describe.skipIf(noNetwork).concurrent('the kernel', { timeout: 30_000 }, () => {
  let host: KernelHost | undefined
  beforeAll(() => void (host = openKernelHost()))
  afterAll(async () => host?.close())

  it.each(cases)('%s: %s', async (_name, _title, one) => {
    if (host) await runIn(host.open(one.options), one)
  })
})

it('docs/conformance/packetimpact.md says what is tried', async () => {
  await expect(conformancePage(themes)).toMatchFileSnapshot('../../../docs/conformance/packetimpact.md')
})
