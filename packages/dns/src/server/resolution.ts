import type { DnsQuestion } from '../message/question.ts'
import { isPending, resolveFunctionOf } from '../resolve/call-resolver.ts'
import type { Answer, ResolveContext, ResolveFunction, Resolver } from '../resolve/resolver.ts'

/**
 * Resolvers in order as one function: the first that has an answer gives it. No promise is made as long as none of them makes one.
 */
export function inOrder(resolvers: readonly Resolver[]): ResolveFunction {
  const functions = resolvers.map(resolveFunctionOf)
  return (question, context) => {
    for (let index = 0; index < functions.length; index += 1) {
      const answer = functions[index]?.(question, context)
      if (isPending(answer)) return continueAfter(functions, index, answer, question, context)
      if (answer !== undefined) return answer
    }
    return undefined
  }
}

async function continueAfter(functions: readonly ResolveFunction[], index: number, pending: Promise<Answer | undefined>, question: DnsQuestion, context: ResolveContext): Promise<Answer | undefined> {
  const answer = await pending
  if (answer !== undefined) return answer
  for (const resolve of functions.slice(index + 1)) {
    const next = await resolve(question, context)
    if (next !== undefined) return next
  }
  return undefined
}
