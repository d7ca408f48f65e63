import { arch, hostname, platform, release, version } from 'node:os'
import { sdkVersion } from '../version.ts'

/** What a login tells of the program that uses this SDK (protocol section 2.5). */
export interface ApplicationInfo {
  readonly appId: string
  readonly appVersion: string
}

/** The body of a login, `configTypes` included: all of them, so that one login serves every use. */
export function loginBody(application: ApplicationInfo): Readonly<Record<string, unknown>> {
  return {
    configTypes: ['all'],
    envInfo: { os: platform(), osRelease: release(), osVersion: version(), arch: arch(), hostname: hostname(), domain: '' },
    sdkInfo: { type: 'ziti-sdk-ts', version: sdkVersion, revision: '', branch: '', ...application },
  }
}
