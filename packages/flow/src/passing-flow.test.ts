import { flowCompliance } from './compliance/flow-suite.ts'
import { PassingFlow } from './passing-flow.ts'
import { createFlowPair } from './testing/memory-flow.ts'

flowCompliance('a PassingFlow', async () => {
  const [left, right] = createFlowPair()
  return { left: new PassingFlow(left), right: new PassingFlow(right), close: async () => {} }
})
