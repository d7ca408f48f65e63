import { execFile } from 'node:child_process'
import { get } from 'node:http'
import type { Milliseconds } from '@tunnel/flow'

export interface FetchedPage {
  readonly body: string
  readonly elapsed: Milliseconds
  /** What fetched it: `node:http` where the machine has no curl. */
  readonly program: 'curl' | 'node:http'
}

const timeLimit: Milliseconds = 10_000

/** Fetches by a program that knows nothing of us, as that is the point of the tunnel. */
export async function fetchPage(url: string): Promise<FetchedPage> {
  const startedAt = performance.now()
  const curled = await fetchByCurl(url)
  const body = curled ?? (await fetchByNode(url))
  return { body, elapsed: performance.now() - startedAt, program: curled === undefined ? 'node:http' : 'curl' }
}

/** `undefined` when there is no curl. */
function fetchByCurl(url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // --noproxy: the user's proxy settings are for the world, not for a port of this machine.
    const options = ['--silent', '--show-error', '--fail', '--noproxy', '*', '--max-time', String(timeLimit / 1000), url]
    execFile('curl', options, (error, output, complaint) => {
      if (error === null) resolve(output)
      else if (error.code === 'ENOENT') resolve(undefined)
      else reject(new Error(`curl: ${complaint.trim() || error.message}`))
    })
  })
}

function fetchByNode(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: timeLimit }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(`HTTP status ${response.statusCode}`))))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', reject)
  })
}
