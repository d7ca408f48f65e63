import { packageBuild } from '../../tooling/build/tsup.ts'

// The workspace packages go into the program: few files to load at start, and each command takes only the parts of
// them that it uses. Their own dependencies stay outside, hence they are dependencies of the program too.
export default packageBuild({ main: 'src/main.ts', index: 'src/index.ts' }, { noExternal: [/^@tunnel\//] })
