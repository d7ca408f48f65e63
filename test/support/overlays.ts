import { loadIdentity } from '@tunnel/config'
import type { Network } from '@tunnel/devnet'
import { openOverlay, type EdgeOverlay, type OverlayOptions } from '@tunnel/edge'

/** Our SDK, logged in to an embedded network as one of its identities. */
export async function openOn(network: Network, name: string, options: Partial<OverlayOptions> = {}): Promise<EdgeOverlay> {
  const identity = await loadIdentity({ text: JSON.stringify(network.identityJson(name)), name })
  return openOverlay({ identity, pollInterval: 200, ...options })
}
