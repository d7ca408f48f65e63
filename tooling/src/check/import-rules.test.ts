import { describe, expect, it } from 'vitest'
import { brokenImports, importsOf } from './import-rules.ts'

describe('importsOf', () => {
  it('finds every form of import', () => {
    const source = `
      import type { A } from '@tunnel/flow'
      import {
        b,
        c,
      } from "./b.ts"
      import 'side-effect'
      export * from './d.ts'
      const lazy = await import('./e.ts')
    `
    expect(importsOf(source)).toEqual(['@tunnel/flow', './b.ts', 'side-effect', './d.ts', './e.ts'])
  })

  it('passes over examples in comments', () => {
    expect(importsOf("/**\n * import { a } from '@tunnel/core'\n */\n// import '@tunnel/cli'\n")).toEqual([])
  })
})

describe('brokenImports', () => {
  it('names the file, the import and what would be allowed', () => {
    const [line] = brokenImports('@tunnel/config', 'packages/config/src/x.ts', "import { dial } from '@tunnel/edge'")
    expect(line).toBe('packages/config/src/x.ts: @tunnel/config must not import @tunnel/edge (allowed: @tunnel/flow)')
  })

  it('tells a sub-path from its package', () => {
    expect(brokenImports('@tunnel/devnet', 'a.ts', "import { a } from '@tunnel/edge/wire'")).toEqual([])
    expect(brokenImports('@tunnel/devnet', 'a.ts', "import { a } from '@tunnel/edge'")).toHaveLength(1)
    expect(brokenImports('@tunnel/intercept-proxy', 'a.ts', "import { a } from '@tunnel/core'")).toHaveLength(1)
  })

  it('lets tests run the suites that their package fulfils, and sources not', () => {
    const source = "import { overlayCompliance } from '@tunnel/core/compliance'"
    expect(brokenImports('@tunnel/edge', 'overlay.test.ts', source)).toEqual([])
    expect(brokenImports('@tunnel/edge', 'overlay.ts', source)).toHaveLength(1)
  })
})
