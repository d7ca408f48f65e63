/** The version of this package, as controllers and routers are told. `pnpm run version` writes it; a test compares it with package.json. */
export const sdkVersion = '0.1.0'
