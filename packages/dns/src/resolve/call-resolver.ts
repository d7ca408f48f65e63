import type { Answer, Resolver, ResolveFunction } from './resolver.ts'

/** A resolver as a function, whichever of the two forms it has. */
export function resolveFunctionOf(resolver: Resolver): ResolveFunction {
  return typeof resolver === 'function' ? resolver : (question, context) => resolver.resolve(question, context)
}

export function closeResolver(resolver: Resolver): void {
  if (typeof resolver !== 'function') resolver.close?.()
}

/** Any promise-like thing; `instanceof` would miss those of another realm. */
export const isPending = (answer: Answer | undefined | Promise<Answer | undefined>): answer is Promise<Answer | undefined> => typeof answer === 'object' && 'then' in answer
