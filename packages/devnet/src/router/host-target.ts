import type { Crypto } from '@tunnel/edge/wire'
import type { Cancel } from '@tunnel/flow'
import type { Terminator } from './authority.ts'
import type { Counters } from './counters.ts'
import type { DialRequest, HostAnswer } from './fabric-router.ts'
import { refusal } from './refusal.ts'
import { RouterTarget } from './router-target.ts'
import { TargetCipher } from './target-cipher.ts'
import { openTargetSocket } from './target-sockets.ts'

export interface HostTargetOptions {
  readonly terminator: Terminator
  readonly request: DialRequest
  readonly answer: HostAnswer
  readonly crypto: () => Promise<Crypto>
  readonly counters: Counters
}

/** Opens a circuit to a target that the router connects to by itself. */
export function hostTarget({ terminator, request, answer, crypto, counters }: HostTargetOptions): Cancel {
  const { target } = terminator
  let cancelled = false
  let cancelSocket: Cancel = () => {}
  /** Until an end has it: wasm keeps its state where no collector looks. */
  let unowned: TargetCipher | undefined
  const open = (cipher: TargetCipher | undefined): void => {
    if (target === undefined) return answer.failed(refusal.hostGone)
    unowned = cipher
    cancelSocket = openTargetSocket(target, {
      opened(socket) {
        unowned = undefined
        const end = new RouterTarget({ socket, counters, cipher, datagrams: target.protocol === 'udp' })
        answer.opened(end, cipher?.publicKey)
      },
      failed(reason) {
        unowned = undefined
        cipher?.free()
        answer.failed(reason)
      },
    })
  }
  const { publicKey } = request
  // Section 11.3: encryption follows the keys, not what the service asks for.
  if (publicKey === undefined) {
    open(undefined)
  } else {
    crypto().then(
      (loaded) => {
        if (cancelled) return
        const cipher = TargetCipher.create(loaded, publicKey)
        if (cipher) open(cipher)
        else answer.failed(refusal.hostKeyRefused)
      },
      (error: unknown) => answer.failed(String(error)),
    )
  }
  return () => {
    cancelled = true
    cancelSocket()
    unowned?.free()
    unowned = undefined
  }
}
