/** `pnpm test:long` runs the large numbers. */
export const isLong = process.env['TUNNEL_TEST_LONG'] === '1'

/** The number that an issue asks for in a long run, a tenth of it in `pnpm test`. */
export const scaled = (long: number): number => (isLong ? long : Math.ceil(long / 10))
