import type { RoutedService } from './authority.ts'

/** What goes wrong by order of a test. Each is asked when its moment comes; absent or false: nothing goes wrong. */
export interface RouterFaults {
  /** Loses a frame that an SDK sent, by its content type. */
  dropIncoming?(contentType: number): boolean
  /** Loses a frame other than data on its way to an SDK. */
  dropOutgoing?(contentType: number): boolean
  /** Refuses a dial with this text. */
  refuseConnect?(service: RoutedService): string | undefined
}

export interface FabricFaults {
  /** Loses the answer of a host: the try ends after five seconds. */
  silentHost?(terminatorId: string): boolean
}
