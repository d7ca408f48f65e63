import { ContentType, encodeString, encodeUint32, HeaderId, type Frame } from '@tunnel/edge/wire'
import type { Cancel } from '@tunnel/flow'
import type { Bind } from './bind.ts'
import { Connection } from './connection.ts'
import type { DialRequest, HostAnswer } from './fabric-router.ts'
import type { HeaderEntry } from './frame-writer.ts'
import { refusal } from './refusal.ts'
import { routerLimits } from './router-timing.ts'

const text = new TextDecoder()

/** Asks the SDK behind a bind to take a circuit (protocol section 5.2). The caller keeps the time. */
export function dialBind(bind: Bind, request: DialRequest, answer: HostAnswer): Cancel {
  // Whoever dials and gives up at once must not fill the way to a host that does not read, or does not answer.
  if (bind.channel.congested || bind.pendingDials.size >= routerLimits.pendingDialsPerBind) {
    answer.failed(refusal.tooMany)
    return () => {}
  }
  // The id is reserved now: the SDK may send data right behind its answer (section 4.1).
  let connection = bind.routerProvidesIds ? createConnection(bind, bind.sinks.createId()) : undefined
  if (connection && bind.sinks.add(connection) !== undefined) {
    answer.failed(refusal.tooMany)
    return () => {}
  }
  const cancel = (): void => {
    bind.pendingDials.delete(fail)
    forget()
    connection?.discard()
  }
  const fail = (): void => {
    cancel()
    answer.failed(refusal.hostGone)
  }
  const replied = (reply: Frame): void => {
    bind.pendingDials.delete(fail)
    const accepted = reply.contentType === ContentType.DialSuccess && reply.body.length === 4
    if (accepted) connection ??= acceptChosenId(bind, reply)
    if (accepted && connection) return answer.opened(connection, reply.headers.get(HeaderId.PublicKey)?.slice() ?? bind.publicKey)
    connection?.discard()
    answer.failed(text.decode(reply.body.subarray(0, 1024)) || refusal.hostRejected)
  }
  bind.pendingDials.add(fail)
  const forget = bind.channel.request(ContentType.Dial, dialHeaders(bind, request, connection?.id), bind.token, replied)
  return cancel
}

/** The old way (sections 5.2 and 11.5): the SDK chose the id, and waits for this reply before it sends data. */
function acceptChosenId(bind: Bind, reply: Frame): Connection | undefined {
  const id = new DataView(reply.body.buffer, reply.body.byteOffset, 4).getUint32(0, true)
  const connection = createConnection(bind, id)
  const refused = bind.sinks.add(connection)
  const headers: HeaderEntry[] = [
    [HeaderId.ConnId, encodeUint32(bind.id)],
    [HeaderId.Seq, encodeUint32(id)],
  ]
  if (refused === undefined) {
    bind.channel.reply(reply, ContentType.StateConnected, headers)
    return connection
  }
  bind.channel.reply(reply, ContentType.StateClosed, headers, encodeString(refused))
  return undefined
}

function createConnection(bind: Bind, id: number): Connection {
  return new Connection({
    id,
    channel: bind.channel,
    serviceSessionId: bind.serviceSessionId,
    released: (connection) => bind.sinks.remove(connection),
    abandoned: () => {},
  })
}

function dialHeaders(bind: Bind, request: DialRequest, id: number | undefined): HeaderEntry[] {
  const optional: (readonly [number, Uint8Array | undefined])[] = [
    [HeaderId.RouterProvidedConnId, id === undefined ? undefined : encodeUint32(id)],
    [HeaderId.CallerId, request.callerId],
    [HeaderId.PublicKey, request.publicKey],
    [HeaderId.AppData, request.appData],
    [HeaderId.ConnectionMarker, request.marker],
  ]
  return [
    [HeaderId.ConnId, encodeUint32(bind.id)],
    [HeaderId.CircuitId, encodeString(request.circuitId)],
    ...optional.filter((entry): entry is HeaderEntry => entry[1] !== undefined),
    [HeaderId.DialerIdentityId, encodeString(request.dialer.identityId)],
    [HeaderId.DialerIdentityName, encodeString(request.dialer.identityName)],
  ]
}
