import { packageBuild } from '../../tooling/build/tsup.ts'

export default packageBuild({
  index: 'src/index.ts',
  contracts: 'src/contracts.ts',
  compliance: 'src/compliance.ts',
  testing: 'src/testing.ts',
})
