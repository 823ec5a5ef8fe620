"""The relay's own program: passes bytes on, and keeps every reply back for a while.

Needs nothing but the standard library: `python -I -S forward.py HOST PORT DELAY_MS`, or `UNIX PATH
DELAY_MS`. It listens on a free port of 127.0.0.1, prints the port, and ends when its standard input
closes: with its owner. A line on its standard input sets another delay in milliseconds, which holds for
what is received from then on.

Why threads and not asyncio: the event loop's timer is a millisecond coarse, a sleeping thread's is not.
Only replies are delayed, by their whole round-trip time, counted from their arrival: so a pipeline of
statements waits once, as on a real network, and delays do not add up.
"""

import ctypes
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

CHUNK_BYTES = 65_536
CHUNKS_WAITING = 1_024
"""How much one connection holds back before it reads no further, as a network's buffers would."""
PR_SET_TIMERSLACK = 29


@dataclass(slots=True)
class Delay:
    """How long replies are kept back, in seconds; shared by all connections."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Held:
    """A piece of a reply, and when it may go on. No bytes: the server will say no more."""

    due: float
    data: bytes


def serve(connect: Callable[[], socket.socket], delay: Delay) -> socket.socket:
    """Accept connections in a thread of its own; return the listening socket."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=(client, connect, delay), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def connector(host: str, port: str) -> Callable[[], socket.socket]:
    """How to reach the server: by TCP, or by its socket's path when the host is `UNIX`."""

    def connect() -> socket.socket:
        if host == "UNIX":
            server = socket.socket(socket.AF_UNIX)
            server.connect(port)
            return server
        return socket.create_connection((host, int(port)))

    return connect


def _join(client: socket.socket, connect: Callable[[], socket.socket], delay: Delay) -> None:
    try:
        server = connect()
    except OSError:
        client.close()  # as if the server itself had refused
        return
    for end in (client, server):
        if end.family != socket.AF_UNIX:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    held: queue.Queue[Held] = queue.Queue(CHUNKS_WAITING)
    threads = [
        threading.Thread(target=_pass_on, args=(client, server), daemon=True),
        threading.Thread(target=_receive, args=(server, held, delay), daemon=True),
        threading.Thread(target=_release, args=(held, client), daemon=True),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    server.close()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(CHUNK_BYTES):
            server.sendall(data)
    _end(server)


def _receive(server: socket.socket, held: queue.Queue[Held], delay: Delay) -> None:
    with suppress(OSError):
        while data := server.recv(CHUNK_BYTES):
            held.put(Held(time.perf_counter() + delay.seconds, data))
    held.put(Held(time.perf_counter() + delay.seconds, b""))


def _release(held: queue.Queue[Held], client: socket.socket) -> None:
    _sharpen_timer()
    while (piece := held.get()).data:
        _wait_until(piece.due)
        try:
            client.sendall(piece.data)
        except OSError:
            break
    _end(client)
    while piece.data:  # the client is gone: let the receiver finish
        piece = held.get()


def _wait_until(due: float) -> None:
    # A plain sleep: watching the clock for the last moments would be sharper for one connection, and hold up
    # all others. What a sleep is late is corrected by the calibration.
    if (left := due - time.perf_counter()) > 0:
        time.sleep(left)


def _sharpen_timer() -> None:
    """Ask Linux not to group this thread's wake-ups with others' (it may by 50 µs)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_WR)


def main(host: str, port: str, delay_ms: str) -> None:
    """Serve until standard input closes."""
    delay = Delay(float(delay_ms) / 1000)
    listener = serve(connector(host, port), delay)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        delay.seconds = float(line) / 1000
    os._exit(0)  # connections may still be open: their ends are told by their sockets closing


if __name__ == "__main__":
    main(*sys.argv[1:4])
