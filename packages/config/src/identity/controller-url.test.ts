import { describe, expect, it } from 'vitest'
import { normalizeControllerUrl } from './controller-url.ts'

describe('normalizeControllerUrl (protocol 1.1)', () => {
  it.each([
    ['https://ctrl.example:1280', 'https://ctrl.example:1280/edge/client/v1'],
    ['https://ctrl.example:1280/', 'https://ctrl.example:1280/edge/client/v1'],
    ['https://ctrl.example:1280/edge/client/v1', 'https://ctrl.example:1280/edge/client/v1'],
    ['https://ctrl.example:1280/edge/client/v1//', 'https://ctrl.example:1280/edge/client/v1'],
    ['https://ctrl.example/other', 'https://ctrl.example/other'],
    ['https://[::1]:1280', 'https://[::1]:1280/edge/client/v1'],
    ['HTTPS://Ctrl.Example:443/', 'https://ctrl.example/edge/client/v1'],
  ])('%s', (text, url) => expect(normalizeControllerUrl(text)).toEqual({ url }))

  it.each(['ctrl.example:1280', 'ctrl', 'http://ctrl.example', 'https://user:secret@ctrl.example', 'https://ctrl.example?a=1', ''])(
    'refuses %j without repeating secrets',
    (text) => {
      const result = normalizeControllerUrl(text)
      expect(result).toHaveProperty('wrong')
      expect(JSON.stringify(result)).not.toContain('secret')
    },
  )
})
