import { CodedError } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { cannotOpen } from './tun-error.ts'

it.each([
  ['ENOENT', /sudo modprobe tun.*--device \/dev\/net\/tun/],
  ['ENODEV', /modprobe tun/],
  ['EACCES', /chmod 0666/],
  ['EBUSY', /Another link has that name/],
  ['EPERM', /Grant CAP_NET_ADMIN$/],
])('a link that cannot be made for %s: in the words of the original, and what to do', (errno, remedy) => {
  const cause = new CodedError('linux.call-failed', `open: ${errno}. Grant CAP_NET_ADMIN`, { detail: { errno } })
  const error = cannotOpen({ name: 'tun7', mtu: 1500 }, cause)
  expect(error).toMatchObject({ code: 'tun.no-device', cause, message: expect.stringMatching(/^failed to open tun interface \(name='tun7', mtu=1500\): open/) })
  expect(error.message).toMatch(remedy)
})
