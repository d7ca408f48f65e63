import {
  ContentType,
  encodeInt32,
  encodeString,
  encodeUint32,
  HeaderId,
  stringHeader,
  uint32Header,
  type Frame,
} from '@tunnel/edge/wire'
import type { Cancel } from '@tunnel/flow'
import type { ApiSession, RoutedService, RouterAuthority, ServiceSession } from './authority.ts'
import type { Client } from './client.ts'
import { Connection } from './connection.ts'
import type { CircuitRequest } from './fabric-router.ts'
import type { HeaderEntry } from './frame-writer.ts'
import { refusal } from './refusal.ts'
import { routeAttemptHeader } from './router-timing.ts'

const text = new TextDecoder()
/** Tokens are about 1.1 kB (protocol section 11.2). */
const longestTokenBytes = 16 * 1024

/** The service session that a Connect or Bind names in its body, or the text of the refusal. */
export function serviceSessionOf(
  authority: RouterAuthority,
  frame: Frame,
  apiSession: ApiSession,
  type: ServiceSession['type'],
): ServiceSession | string {
  if (frame.body.length > longestTokenBytes) return refusal.noServiceSession
  const session = authority.checkServiceSession(text.decode(frame.body), apiSession)
  if (session === undefined) return apiSession.kind === 'oidc' ? refusal.noServiceJwt : refusal.noServiceSession
  return session.type === type ? session : refusal.wrongSessionType
}

/** Connect V1 (protocol section 4.2): from the checks to the answer. Refusals are text only, as those of 2.0.3. */
export function handleConnect(client: Client, apiSession: ApiSession, frame: Frame): void {
  const { router, channel, sinks } = client
  const id = uint32Header(frame.headers, HeaderId.ConnId)
  if (id === undefined) return router.counters.ignored('no-connection-id')
  const request = { sequence: frame.sequence, id }
  const serviceSession = serviceSessionOf(router.authority, frame, apiSession, 'Dial')
  if (typeof serviceSession === 'string') return refuse(client, request, serviceSession)

  let forgetDial: Cancel = () => {}
  const connection = new Connection({
    id,
    channel,
    serviceSessionId: serviceSession.id,
    released: (released) => sinks.remove(released),
    abandoned: () => forgetDial(),
  })
  // Before anything else, and named by the id of the connection that lives (section 11.1).
  const taken = sinks.add(connection)
  if (taken !== undefined) return refuse(client, request, taken)

  const service = router.authority.service(serviceSession.serviceId)
  const refused = checkService(client, service, serviceSession, frame)
  if (refused !== undefined || service === undefined) {
    connection.discard()
    return refuse(client, request, refused ?? refusal.noService(serviceSession.serviceId))
  }
  forgetDial = router.fabric.dial(circuitRequest(client, apiSession, service, frame, connection), {
    connected(circuitId, publicKey, attempt) {
      router.counters.circuits += 1
      channel.send(ContentType.StateConnected, [
        ...answerHeaders(request, circuitId),
        ...(publicKey ? [[HeaderId.PublicKey, publicKey] as const] : []),
        [routeAttemptHeader, encodeUint32(attempt)],
      ])
    },
    refused(reason, circuitId) {
      connection.discard()
      refuse(client, request, reason, circuitId)
    },
    ended: () => {
      router.counters.circuits -= 1
    },
  })
}

interface ConnectRequest {
  readonly sequence: number
  readonly id: number
}

function checkService(
  { router }: Client,
  service: RoutedService | undefined,
  session: ServiceSession,
  { headers }: Frame,
): string | undefined {
  if (service === undefined) return refusal.noService(session.serviceId)
  if (service.encryptionRequired && !headers.has(HeaderId.PublicKey)) return refusal.noPublicKey
  return router.faults.refuseConnect?.(service)
}

function circuitRequest(
  { router }: Client,
  dialer: ApiSession,
  service: RoutedService,
  { headers }: Frame,
  end: Connection,
): CircuitRequest {
  const publicKey = headers.get(HeaderId.PublicKey)?.slice()
  const callerId = headers.get(HeaderId.CallerId)?.slice()
  const appData = headers.get(HeaderId.AppData)?.slice()
  const marker = headers.get(HeaderId.ConnectionMarker)?.slice()
  return {
    routerId: router.id,
    terminators: router.authority.terminators,
    service,
    dialer,
    instance: stringHeader(headers, HeaderId.TerminatorIdentity) ?? '',
    end,
    ...(publicKey && { publicKey }),
    ...(callerId && { callerId }),
    ...(appData && { appData }),
    ...(marker && { marker }),
  }
}

function answerHeaders({ sequence, id }: ConnectRequest, circuitId: string | undefined): HeaderEntry[] {
  const circuit: HeaderEntry[] = circuitId === undefined ? [] : [[HeaderId.CircuitId, encodeString(circuitId)]]
  return [[HeaderId.ReplyFor, encodeInt32(sequence)], [HeaderId.ConnId, encodeUint32(id)], ...circuit]
}

function refuse({ channel }: Client, request: ConnectRequest, reason: string, circuitId?: string): void {
  channel.send(ContentType.StateClosed, answerHeaders(request, circuitId), encodeString(reason))
}
