import { InvalidArgumentError } from 'commander'

// IFNAMSIZ is 16 with the final zero; the kernel takes no blanks and no slashes.
const interfaceName = /^[^\s/:]{1,15}$/

/** One `--lanIf`, which may be a list with commas, added to those before it. */
export function collectLanInterfaces(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  const wrong = names.find((name) => !interfaceName.test(name) || name === '.' || name === '..')
  if (wrong !== undefined) throw new InvalidArgumentError(`'${wrong}' is no name of an interface.`)
  return [...new Set([...before, ...names])]
}
