/** How long a 2.0.3 router takes for what it does (protocol sections 9 and 11), in milliseconds. */
export const routerTiming = {
  tlsHandshake: 10_000,
  hello: 5000,
  /** A token that nobody knows: the router waits for its controller before it closes. */
  unknownToken: 5200,
  /** A token of another identity. */
  foreignToken: 20,
  unknownGroup: 17,
  refusedTokenUpdate: 2,
  /** One of the two tries of a dial. */
  dialAttempt: 5000,
  /** From a bind to its terminator. */
  terminatorCreation: 3,
  /** From the terminator to the inspect on a first bind, or to the success on a rebind, and between the two. */
  bindStep: 3,
  inspectRepeat: 11_000,
  /** What was sent before a close may wait so long for its receiver. */
  linger: 30_000,
  /** An orderly stop waits so long for what is on its way out. */
  flush: 500,
} as const

export const routerLimits = {
  /** Bytes of one direction of a circuit between its ends. */
  windowBytes: 4 * 1024 * 1024,
  /** Messages in front of a full window; with the last one the router stops reading the whole channel (section 4.5). */
  frontMessages: 4,
  /** What one channel sent and nobody took yet. */
  channelBufferedBytes: 64 * 1024 * 1024,
  /** Replies that an SDK does not read: above it the router reads no more requests. */
  controlBytes: 1024 * 1024,
  connectionsPerChannel: 50_000,
  bindsPerChannel: 1000,
  /** Dials that wait for the answer of one listener. */
  pendingDialsPerBind: 1000,
  channels: 10_000,
} as const

/** The tries of a dial, and the number in its refusal text (protocol section 11.1). */
export const dialAttempts = 2
/** What the router-hosted tunneler reads at most for one message (protocol section 11.3). */
export const routerHostedMessageBytes = 10_240
/** First id that the router chooses for incoming connections (protocol section 4.1). */
export const firstRouterConnectionId = 0x80_00_00_00
/** Header of StateConnected that has no name in the SDKs: which try succeeded, uint32 (protocol section 11.1). */
export const routeAttemptHeader = 1101
