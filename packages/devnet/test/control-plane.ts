import { silentLog } from '@tunnel/flow'
import type { ControlPlane, ControlPlaneOptions } from '../src/control-plane.ts'
import { startControlPlane } from '../src/control-plane.ts'

const minute = 60_000

/** A control plane with one router that exists on paper only. */
export async function startTestPlane(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
  const plane = await startControlPlane({
    host: '127.0.0.1', hosts: ['127.0.0.1', 'localhost'], auth: 'both', tokenLife: { access: 30 * minute, refresh: 24 * 60 * minute },
    now: Date.now, log: silentLog, ...options,
  })
  const { routers, now } = plane.state
  routers.set('WwlkYotBt', { id: 'WwlkYotBt', name: 'router-1', createdAt: now(), updatedAt: now(), host: '127.0.0.1', port: 3022, online: true })
  return plane
}
