"""One side of the exchange, over the C SDK: see ../exchange.ts for the other.

usage: exchange.py dial|host IDENTITY SERVICE BYTES
"""

import hashlib
import os
import socket
import sys
import threading

import openziti
from openziti import zitilib

PIECE = 65536


def receive(sock, size):
    parts = []
    while size > 0:
        part = sock.recv(min(size, PIECE))
        if not part:
            raise EOFError(f"{size} bytes are missing")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive_and_hash(sock, size):
    digest = hashlib.sha256()
    while size > 0:
        part = sock.recv(min(size, PIECE))
        if not part:
            raise EOFError(f"{size} bytes are missing")
        digest.update(part)
        size -= len(part)
    return digest.hexdigest().encode()


def send_load(sock, size):
    block = os.urandom(PIECE)
    digest = hashlib.sha256()
    sock.sendall(size.to_bytes(8, "little"))
    while size > 0:
        part = block[: min(size, PIECE)]
        sock.sendall(part)
        digest.update(part)
        size -= len(part)
    return digest.hexdigest().encode()


def exchange(sock, first, size):
    """The first sends and is told the hash that arrived; then the other way round."""

    def send():
        sent = send_load(sock, size)
        assert receive(sock, 64) == sent, "what was sent did not arrive"

    def take():
        sock.sendall(receive_and_hash(sock, int.from_bytes(receive(sock, 8), "little")))

    for step in (send, take) if first else (take, send):
        step()
    # The SDK has no half-close: its shutdown would cut what the other side still reads. A byte each says that both are done;
    # the other side ends when it has ours, and only then may this process, which would take the byte with it.
    sock.sendall(b".")
    assert receive(sock, 1) == b"."
    sock.settimeout(5)
    assert sock.recv(1) == b""


def dial(context, service, size):
    # The wrapper's own connect by name is broken (it encodes a terminator that is None).
    descriptor = zitilib.ziti_socket(socket.SOCK_STREAM)
    zitilib.check_error(zitilib._ziti_connect(descriptor, context._ctx, service.encode(), None))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
    exchange(sock, True, size)
    sock.close()


def host(context, service, size):
    server = context.bind(service)
    server.listen(5)
    print("listening", flush=True)
    while True:
        sock, _ = server.accept()

        def serve(accepted=sock):
            exchange(accepted, False, size)
            print("exchanged", flush=True)

        threading.Thread(target=serve, daemon=True).start()


if __name__ == "__main__":
    role, identity, service, size = sys.argv[1:5]
    context = openziti.load(identity)
    {"dial": dial, "host": host}[role](context, service, int(size))
    print("exchanged", flush=True)
    os._exit(0)  # the SDK's threads do not end by themselves
