/**
 * The codecs of the edge channel, as the golden vectors prove them: frames, headers, end-to-end crypto. For programs that
 * speak the wire protocol themselves (test networks, analysers); applications want `@tunnel/edge`.
 */
export * from './wire/content-type.ts'
export * from './wire/crypto.ts'
export * from './wire/frame-reader.ts'
export * from './wire/frame.ts'
export * from './wire/header-id.ts'
export * from './wire/headers.ts'
