/** Test suites that every `Overlay` and `Interceptor` must pass. They need vitest. */
export { interceptorCompliance } from './compliance/interceptor-suite.ts'
export type { InterceptorFixture } from './compliance/interceptor-suite.ts'
export type { OverlayFixture } from './compliance/overlay-fixture.ts'
export { overlayCompliance } from './compliance/overlay-suite.ts'
