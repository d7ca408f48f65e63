/** `pnpm test:long` runs the large numbers. */
export const isLong = process.env['TUNNEL_TEST_LONG'] === '1'

/** The number that an issue asks for in a long run; in `pnpm test` a tenth of it, or what is given. */
export const scaled = (long: number, short = Math.ceil(long / 10)): number => (isLong ? long : short)
