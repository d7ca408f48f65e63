import { packageBuild } from '../../tooling/build/tsup.ts'

export default packageBuild({
  index: 'src/index.ts',
  node: 'src/node.ts',
  web: 'src/web.ts',
  testing: 'src/testing.ts',
  compliance: 'src/compliance.ts',
})
