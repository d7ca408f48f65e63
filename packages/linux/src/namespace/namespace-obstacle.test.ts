import { describe, expect, it } from 'vitest'
import { namespaceObstacle, type ObstacleProbe } from './namespace-obstacle.ts'

interface Host {
  readonly settings?: Readonly<Record<string, string>>
  readonly tun?: string
  readonly unshare?: string | undefined
}

const notPermitted = 'unshare: unshare failed: Operation not permitted'

async function said(host: Host): Promise<string | undefined> {
  const probe: ObstacleProbe = {
    setting: (path) => host.settings?.[path],
    openTun: () => host.tun ?? 'ok',
    unshare: async () => ('unshare' in host ? host.unshare : ''),
  }
  const error = await namespaceObstacle(probe)
  return error && `${error.code} ${error.message.replace('Cannot make a network of its own for a command: ', '')}`
}

describe('what keeps a command from a network of its own', () => {
  it('is nothing where namespaces and the TUN device are to be had', async () => {
    expect(await said({ settings: { 'kernel/unprivileged_userns_clone': '1' } })).toBeUndefined()
  })

  it.each([
    ['kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
    ['user/max_user_namespaces', '0', 'user.max_user_namespaces=10000'],
    ['user/max_net_namespaces', '0', 'user.max_net_namespaces=10000'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', 'kernel.apparmor_restrict_unprivileged_userns=0'],
  ])('is named: %s = %s', async (path, value, remedy) => {
    const name = path.replace('/', '.')
    const line = await said({ settings: { [path]: value }, unshare: notPermitted })
    expect(line).toBe(`linux.no-namespace this system forbids user namespaces by ${name} = ${value}. Allow them with 'sudo sysctl -w ${remedy}'`)
  })

  it('is not a setting that does no harm', async () => {
    expect(await said({ settings: { 'kernel/apparmor_restrict_unprivileged_userns': '1' } })).toBeUndefined()
  })

  it('is told in the words of the system where no setting explains it', async () => {
    expect(await said({ unshare: notPermitted })).toContain(`${notPermitted}. A container engine`)
    expect(await said({ unshare: "unshare: unrecognized option '--map-user=1000'" })).toContain('util-linux 2.36')
    expect(await said({ unshare: undefined })).toContain('Install util-linux')
  })

  it.each([['EACCES', 'chmod 0666 /dev/net/tun'], ['ENOENT', 'modprobe tun']])('is the TUN device: %s', async (tun, remedy) => {
    expect(await said({ tun })).toContain(remedy)
  })
})
