/** By which the kernel names who made a change: the ports of this process's route sockets that are open. */
const open = new Set<number>()
const followers = new Set<PortFollower>()

/** Of one who reads later what the kernel has told: ports whose sockets have closed meanwhile are its own still. */
export interface PortFollower {
  readonly closed: Set<number>
  /** A socket has closed: what it changed can be read by now, and its port may soon be somebody else's. */
  readonly onClosed: () => void
}

export function isOwnPort(port: number, { closed }: PortFollower): boolean {
  return open.has(port) || closed.has(port)
}

export function portOpened(port: number): void {
  open.add(port)
}

export function portClosed(port: number): void {
  open.delete(port)
  for (const { closed, onClosed } of followers) {
    closed.add(port)
    onClosed()
  }
}

/** Who has read all that there is to read empties `closed`. */
export function followPorts(onClosed: () => void): PortFollower & { stop(): void } {
  const follower: PortFollower = { closed: new Set(), onClosed }
  followers.add(follower)
  return { ...follower, stop: () => void followers.delete(follower) }
}
