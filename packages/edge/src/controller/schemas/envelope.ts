import * as z from 'zod'

/**
 * Schemas of answers are tolerant: unknown members are dropped, and `null` or absence of what we can do without becomes a
 * default, since controllers of different ages give both (protocol section 11.2).
 */
export function orDefault<S extends z.ZodType>(schema: S, fallback: z.output<S>) {
  return schema.nullish().transform((value): z.output<S> => value ?? fallback)
}

/** `null` and absence as `undefined`. */
export function optional<S extends z.ZodType>(schema: S) {
  return schema.nullish().transform((value): z.output<S> | undefined => value ?? undefined)
}

export const idSchema = z.string().min(1)

/** Success (protocol section 2.1). */
export function envelope<S extends z.ZodType>(data: S) {
  return z.object({ data })
}

const paginationSchema = z.object({ totalCount: optional(z.number().int().min(0)) })

export interface Page<T> {
  readonly data: readonly T[]
  /** Of the whole list; absent when the controller does not say. */
  readonly totalCount: number | undefined
}

export function page<T>(item: z.ZodType<T>): z.ZodType<Page<T>> {
  return z
    .object({ data: z.array(item), meta: optional(z.object({ pagination: optional(paginationSchema) })) })
    .transform(({ data, meta }) => ({ data, totalCount: meta?.pagination?.totalCount }))
}

/** Where only success counts. */
export const anyBody = z.unknown()
