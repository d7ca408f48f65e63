import { isPosturePassing, recordChange } from '../state/network-state.ts'
import { recordPosture } from '../state/posture-check.ts'
import type { Call } from './call.ts'
import { parseJson } from './call.ts'
import type { Caller, ControllerContext, Route } from './context.ts'
import type { Reply } from './reply.ts'
import { fail, succeed } from './reply.ts'

/** What clients tell of themselves (protocol section 2.12). */
export const postureRoutes: readonly Route[] = [
  { method: 'POST', path: '/posture-response', handle: (call, context, caller) => submit([parseJson(call.body.toString('utf8'))], context, caller) },
  { method: 'POST', path: '/posture-response-bulk', handle: submitAll },
]

function submitAll(call: Call, context: ControllerContext, caller: Caller): Reply {
  const responses = parseJson(call.body.toString('utf8'))
  return Array.isArray(responses) ? submit(responses, context, caller) : fail('COULD_NOT_PARSE_BODY')
}

function submit(responses: readonly unknown[], { state }: ControllerContext, { session }: Caller): Reply {
  const judge = () => [...state.services.values()].map((service) => isPosturePassing(service, 'Dial', session)).join()
  const before = judge()
  const accepted = responses.map((response) => recordPosture(session.posture, response))
  // Only a judgement that changes is a change: clients send the same posture again and again.
  if (judge() !== before) recordChange(state)
  // `services` names those whose MFA timers run: none here.
  return accepted.includes(false) ? fail('COULD_NOT_VALIDATE') : succeed({ services: [] }, { status: 201 })
}
