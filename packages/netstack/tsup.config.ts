import { packageBuild } from '../../tooling/build/tsup.ts'

export default packageBuild({
  index: 'src/index.ts',
  node: 'src/node.ts',
})
