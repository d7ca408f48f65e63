import { expect, it } from 'vitest'
import { renderCleanup, renderListing } from './cleanup.ts'

const instance = { boot: 'b', pid: 7, started: '1', group: 7, networkNamespace: '1', mountNamespace: '1', pidNamespace: '1', files: '1' }
const nothing = { undone: 0, left: [], skipped: [], failed: [], remaining: [], settled: [] }

it('says what was undone, left, out of reach and failed', () => {
  const report = {
    instances: [{
      ...nothing,
      journal: 'a.journal',
      instance,
      undone: 2,
      left: [{ summary: 'restore /etc/resolv.conf', reason: 'somebody else changed it', copy: '/var/lib/ziti-tunnel/copy' }],
      failed: [{ summary: 'remove route', reason: 'EBUSY' }],
    }],
    alive: 1,
    untouched: [],
  }
  expect(renderCleanup(report, '/state').split('\n')).toEqual([
    'ziti-tunnel with pid 7: 2 changes undone',
    '  left as it is: restore /etc/resolv.conf (somebody else changed it; what was there before is kept in /var/lib/ziti-tunnel/copy)',
    '  failed: remove route (EBUSY)',
    '1 running: nothing of it was touched',
    '',
  ])
  expect(renderCleanup({ instances: [], alive: 0, untouched: [] }, '/state')).toBe('Nothing is left to undo (looked in /state).\n')
})

it('says what would be undone', () => {
  const listing = renderListing(
    [
      { journal: 'a.journal', instance, state: 'dead', undos: ['remove route', 'restore file'] },
      { journal: 'b.journal', instance: { ...instance, pid: 8 }, state: 'running', undos: ['x'] },
    ],
    '/state',
  )
  expect(listing.split('\n')).toEqual([
    'ziti-tunnel with pid 7: 2 changes would be undone, where they still are as it made them',
    '  remove route',
    '  restore file',
    'ziti-tunnel with pid 8 is running: nothing of it would be touched',
    '',
  ])
})
