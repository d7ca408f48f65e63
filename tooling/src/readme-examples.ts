import { readFileSync } from 'node:fs'

/** Programs in the text of a README. */
export const examplesIn = (text: string): string[] => [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, example]) => example ?? '')

/** The comment of a module without its asterisks. */
export const withoutAsterisks = (module: string): string => module.replaceAll(/^ \* ?/gm, '')

export interface PackageExamples {
  /** All that the README shows. */
  readonly readme: readonly string[]
  /** That of the comment of `index.ts`, which the README shows first. */
  readonly module: string
}

/** Of a package, by the URL of a file in its `src`. */
export function examplesOf(url: string): PackageExamples {
  const read = (path: string): string => readFileSync(new URL(path, url), 'utf8')
  const [module = ''] = examplesIn(withoutAsterisks(read('./index.ts')))
  return { readme: examplesIn(read('../README.md')), module }
}
