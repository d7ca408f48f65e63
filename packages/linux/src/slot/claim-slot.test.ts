import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'

const script = fileURLToPath(new URL('testing/claim-and-wait.ts', import.meta.url))
const children: ChildProcess[] = []

/** A process that holds a slot: the first makes the network namespace, the others join it. */
async function claim(where?: ChildProcess): Promise<{ child: ChildProcess; slot: number }> {
  const enter = where ? ['nsenter', '-t', String(where.pid), '--net', '--'] : ['unshare', '--net', '--']
  const [file = '', ...words] = [...enter, process.execPath, '--conditions=tunnel-source', script]
  const child = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [text] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, slot: Number(String(text)) }
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

describe.skipIf(noNetwork)('slots of a network namespace', () => {
  it('are given once each, lowest first, and come back with a release or a death', async () => {
    const first = await claim()
    expect(first.slot).toBe(0)
    const second = await claim(first.child)
    expect(second.slot).toBe(1)
    const elsewhere = await claim()
    expect(elsewhere.slot).toBe(0)

    second.child.kill('SIGKILL')
    await once(second.child, 'exit')
    const third = await claim(first.child)
    expect(third.slot).toBe(1)

    third.child.stdin!.write('go on\n')
    await once(third.child.stdout!, 'data')
    expect((await claim(first.child)).slot).toBe(1)
  })
})
