/** `bytes`, with every single read counted: what a parser did with them, told without a change to the parser. */
export function countedBytes(bytes: Uint8Array): { readonly counted: Uint8Array; readonly reads: () => number } {
  let reads = 0
  const wrap = (view: Uint8Array): Uint8Array =>
    new Proxy(view, {
      get(target, name) {
        if (typeof name === 'string' && name >= '0' && name < ':') reads += 1
        // A view of a view is counted too.
        if (name === 'subarray') return (start?: number, end?: number) => wrap(target.subarray(start, end))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  return { counted: wrap(bytes), reads: () => reads }
}
