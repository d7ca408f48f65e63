/** Uniform numbers in [0, 1) that cannot be guessed, from the platform's generator: Node and browsers have the same. */
export function secureRandom(): () => number {
  const words = new Uint32Array(64)
  let used = words.length
  return () => {
    if (used === words.length) {
      crypto.getRandomValues(words)
      used = 0
    }
    const word = words[used] ?? 0
    words[used] = 0
    used += 1
    return word / 2 ** 32
  }
}
