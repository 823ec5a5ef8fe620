"""An HTTP endpoint that does nothing, to learn what the generator itself can do, and one that freezes.

`python tests/doubles/idle_endpoint.py --freeze-after 8 --freeze-for 3` prints its port; the
freeze counts from the first request. While frozen it neither accepts nor answers, as a service does whose
process is stopped. Afterwards it answers in the order of arrival, in some 20 µs each: so what a generator
tells of the freeze is the freeze.
"""

import argparse
import selectors
import socket
import sys
import time
from dataclasses import dataclass

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
END_OF_HEAD = b"\r\n\r\n"
BACKLOG = 2_048
_RECEIVED_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Freeze:
    """When it stops, in seconds after the first request, and for how long."""

    after_s: float
    for_s: float


class Endpoint:
    """Answers every head that it sees, on one thread; bodies are not expected."""

    def __init__(self, port: int, freeze: Freeze | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        self._listener.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._rest: dict[socket.socket, bytes] = {}
        self._freeze, self._freezes_at_s = freeze, float("inf")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Serve until interrupted."""
        while True:
            ready = self._selector.select(max(min(self._freezes_at_s - time.monotonic(), 3600), 0))
            if self._freeze is not None and time.monotonic() >= self._freezes_at_s:
                time.sleep(self._freeze.for_s)
                self._freeze, self._freezes_at_s = None, float("inf")
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._answer(key.fileobj)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._rest[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        """Answer as many requests as are complete."""
        try:
            data = connection.recv(_RECEIVED_BYTES)
            *heads, self._rest[connection] = (self._rest[connection] + data).split(END_OF_HEAD)
            connection.sendall(ANSWER * len(heads))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            del self._rest[connection]
            connection.close()
        elif self._freeze is not None and self._freezes_at_s == float("inf"):
            self._freezes_at_s = time.monotonic() + self._freeze.after_s


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="idle_endpoint.py")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--freeze-after", type=float, default=0)
    parser.add_argument("--freeze-for", type=float, default=0)
    asked = parser.parse_args()
    freeze = Freeze(asked.freeze_after, asked.freeze_for) if asked.freeze_for else None
    endpoint = Endpoint(asked.port, freeze)
    sys.stdout.write(f"{endpoint.port}\n")
    sys.stdout.flush()
    try:
        endpoint.serve()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
