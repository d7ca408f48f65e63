import { packageBuild } from '../../tooling/build/tsup.ts'

export default packageBuild({
  index: 'src/index.ts',
  janitor: 'src/janitor.ts',
  'namespace-init': 'src/namespace-init.ts',
})
