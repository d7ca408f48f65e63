/** Adapters to Node: connections of a stack as `Duplex` streams. For web streams see `toWebStreams` of `@tunnel/flow/web`. */
export { connectDuplex, listenDuplex } from './node/duplex.ts'
