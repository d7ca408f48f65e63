/** Header ids of channel and edge messages (protocol sections 3.3 and 3.4). */
export const HeaderId = {
  ConnectionId: 0,
  ReplyFor: 1,
  ResultSuccess: 2,
  HelloVersion: 4,
  Type: 7,
  Id: 8,
  IsGrouped: 9,
  GroupSecret: 10,
  IsFirstGroupConnection: 11,
  HelloRejectClass: 13,
  Uuid: 128,
  ConnId: 1000,
  Seq: 1001,
  SessionToken: 1002,
  PublicKey: 1003,
  Cost: 1004,
  Precedence: 1005,
  TerminatorIdentity: 1006,
  TerminatorIdentitySecret: 1007,
  CallerId: 1008,
  CryptoMethod: 1009,
  Flags: 1010,
  AppData: 1011,
  RouterProvidedConnId: 1012,
  HealthStatus: 1013,
  ErrorCode: 1014,
  Timestamp: 1015,
  TraceHopCount: 1016,
  TraceHopType: 1017,
  TraceHopId: 1018,
  TraceSourceRequestId: 1019,
  TraceError: 1020,
  ListenerId: 1021,
  ConnType: 1022,
  SupportsInspect: 1023,
  SupportsBindSuccess: 1024,
  ConnectionMarker: 1025,
  CircuitId: 1026,
  StickinessToken: 1027,
  UseXgressToSdk: 1028,
  XgressCtrlId: 1029,
  XgressAddress: 1030,
  InspectRequestedValues: 1031,
  SupportsPostureChecks: 1032,
  StructuredError: 1033,
  DialerIdentityId: 1034,
  DialerIdentityName: 1035,
  ServiceId: 1036,
  ServiceIdentifierType: 1037,
  RouterCapabilities: 1039,
} as const

/** Bits of header `Flags` (protocol section 4.5). */
export const DataFlag = {
  Fin: 1,
  TraceUuid: 2,
  Multipart: 4,
  Stream: 8,
  MultipartMessage: 16,
} as const

/** Values of header `ConnType`. */
export const ConnType = { Invalid: 0, Dial: 1, Bind: 2, Unknown: 3 } as const

/** Values of header `ErrorCode` (protocol section 4.3). */
export const EdgeErrorCode = {
  Internal: 1,
  InvalidApiSession: 2,
  InvalidSession: 3,
  WrongSessionType: 4,
  InvalidEdgeRouter: 5,
  InvalidService: 6,
  TunnelingNotEnabled: 7,
  InvalidTerminator: 8,
  InvalidPrecedence: 9,
  InvalidCost: 10,
  EncryptionDataMissing: 11,
  InvalidApiSessionType: 12,
  InvalidInstanceId: 13,
  AccessDenied: 14,
  PostureCheckFailed: 15,
} as const

/** Values of `retryHint` in header `StructuredError`. */
export const RetryHint = { Default: 0, TooBusy: 1, StartOver: 2, NotRetriable: 3 } as const
