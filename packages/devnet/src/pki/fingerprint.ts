import { createHash } from 'node:crypto'

/** Lower-case hex SHA-1 of the DER: how Ziti names certificates (`kid`, `z_cfs`, authenticators; protocol section 2.6). */
export function certificateFingerprint(der: Uint8Array): string {
  return createHash('sha1').update(der).digest('hex')
}
