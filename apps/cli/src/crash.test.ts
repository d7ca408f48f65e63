import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { reportCrashes } from './crash.ts'

describe('reportCrashes', () => {
  it.each(['uncaughtException', 'unhandledRejection'])('turns an %s into one FATAL line and exit code 1', (event) => {
    let output = ''
    const codes: number[] = []
    const target = Object.assign(new EventEmitter(), {
      version: 'v24.0.0',
      env: {},
      stdout: new EventEmitter(),
      stderr: Object.assign(new EventEmitter(), { write: (text: string) => (output += text) }),
      exit: (code: number) => codes.push(code),
    })
    reportCrashes(target as unknown as NodeJS.Process)
    target.emit(event, new TypeError('x is not a function'))
    expect(codes).toEqual([1])
    expect(output.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(output)).toMatchObject({ level: 'fatal', node: 'v24.0.0', stack: expect.stringContaining('TypeError: x is not a function\n') })
  })

  it('survives a reader of its output that leaves', () => {
    const target = Object.assign(new EventEmitter(), { env: {}, stdout: new EventEmitter(), stderr: new EventEmitter() })
    reportCrashes(target as unknown as NodeJS.Process)
    expect(() => target.stdout.emit('error', new Error('EPIPE'))).not.toThrow()
    expect(() => target.stderr.emit('error', new Error('EPIPE'))).not.toThrow()
  })
})
