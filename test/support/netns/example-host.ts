import { setTimeout as sleep } from 'node:timers/promises'
import { dumpDifference, dumpHost } from './host-dump.ts'
import { addAddress, createNamespace, joinNamespaces } from './namespace.ts'
import type { Running } from '../programs.ts'

/** A host for the examples of READMEs: the rest of the Internet is one neighbour, and `/run` and `/var/lib` are its own. */
export interface ExampleHost {
  /** Runs a program there; gives its output. */
  must(command: string, ...parameters: readonly string[]): Promise<string>
  /** Starts a TypeScript file of a project with the Node of this process. */
  startNode(folder: string, file: string): Running
  /** Answers HTTP with `text`: on the far side at any address of 198.51.100.0/24, port 80, else on this host's loopback. */
  serve(at: 'far' | 'loopback', port: number, text: string): Promise<void>
  /** What `curl` prints. */
  curl(url: string): Promise<string>
  /** What is not as it was at first. */
  leftBehind(): Promise<readonly string[]>
  close(): Promise<void>
}

export const exampleAddress = '10.77.0.2'

export async function createExampleHost(): Promise<ExampleHost> {
  const [host, far] = [await createNamespace(), await createNamespace()]
  const servers: Running[] = []
  await joinNamespaces(host, 'up0', far, 'down0')
  await addAddress(host, 'up0', `${exampleAddress}/24`)
  await addAddress(far, 'down0', '10.77.0.1/24')
  await host.must('ip', 'route', 'add', 'default', 'via', '10.77.0.1')
  await far.must('ip', 'route', 'add', 'local', '198.51.100.0/24', 'dev', 'lo')
  await host.must('sh', '-c', 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib')
  const before = await dumpHost(host)
  return {
    must: (command, ...parameters) => host.must(command, ...parameters),
    startNode: (folder, file) => host.start('sh', ['-c', 'cd "$1" && exec "$2" "$3"', 'sh', folder, process.execPath, file]),
    async serve(at, port, text) {
      const server = `require('node:http').createServer((_, response) => response.end(${JSON.stringify(text)})).listen(${port}, ${at === 'far' ? 'undefined' : "'127.0.0.1'"}, () => console.log('up'))`
      const running = (at === 'far' ? far : host).start(process.execPath, ['-e', server])
      servers.push(running)
      await running.line(/^up$/)
    },
    async curl(url) {
      const { code, stdout, stderr } = await host.run('curl', ['--silent', '--show-error', '--max-time', '10', url])
      return code === 0 ? stdout : stderr
    },
    async leftBehind() {
      // The kernel deletes what it deletes with a process some instants after its end.
      let left = dumpDifference(before, await dumpHost(host))
      for (let attempt = 0; attempt < 20 && left.length > 0; attempt++) {
        await sleep(50)
        left = dumpDifference(before, await dumpHost(host))
      }
      return left
    },
    async close() {
      for (const server of servers) await server.stop()
      await Promise.all([host.close(), far.close()])
    },
  }
}
