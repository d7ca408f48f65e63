/**
 * One change to the host as a value: it can be planned, printed, journalled, made and undone. `undo` describes the
 * way back in the same form, so that a journal that outlives the process is enough to restore the host.
 */
export interface HostChange {
  /** `nftables.table`, `route.add`, `file.replace`, `listener.open`: an open vocabulary. */
  readonly kind: string
  /** One line for people. */
  readonly summary: string
  readonly parameters: Readonly<Record<string, string | number | boolean>>
  /** Absent when the kernel undoes the change with the process. */
  readonly undo?: Omit<HostChange, 'undo'>
}
