const longest = 2 ** 31 - 1

/**
 * Timers of the clock do not keep a process alive, and sockets come and go: an overlay that is open does, as a server that
 * listens does. Returns what lets go.
 */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => {}, longest)
  return () => clearInterval(timer)
}
