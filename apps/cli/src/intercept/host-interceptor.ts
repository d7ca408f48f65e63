import type { Interceptor } from '@tunnel/core'
import type { PcapTap } from '@tunnel/netstack'
import type { InsidePorts } from '../resolver/inside-ports.ts'

/** An interceptor of this host, and what else comes with its kind. */
export interface HostInterceptor extends Interceptor {
  /** Where there is a tunnel, our DNS server is asked inside it as well. */
  readonly inside?: InsidePorts
  /** Where there is a stack of ours: what passes it. */
  readonly tap?: PcapTap
}
