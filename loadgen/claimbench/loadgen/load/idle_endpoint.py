"""An HTTP endpoint that does nothing, to learn what the generator itself can do, and one that freezes.

`python -m claimbench.loadgen.load.idle_endpoint --freeze-after 8 --freeze-for 3` prints its port; the
freeze counts from the first request. While frozen it neither accepts nor answers, as a service does whose
process is stopped.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
END_OF_HEAD = b"\r\n\r\n"
BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Freeze:
    """When it stops, in seconds after the first request, and for how long."""

    after_s: float
    for_s: float


class Endpoint(asyncio.Protocol):
    """Answers every head that it sees; bodies are not expected."""

    def __init__(self, loop: asyncio.AbstractEventLoop, freezer: "Freezer") -> None:
        self._loop, self._freezer = loop, freezer
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as are complete."""
        self._freezer.touch(self._loop)
        *heads, self._rest = (self._rest + data).split(END_OF_HEAD)
        if heads and self._transport is not None:
            self._transport.write(ANSWER * len(heads))


class Freezer:
    """Blocks the whole process once, at its time."""

    def __init__(self, freeze: Freeze | None) -> None:
        self._freeze = freeze

    def touch(self, loop: asyncio.AbstractEventLoop) -> None:
        """The first call starts the clock."""
        if self._freeze is not None:
            loop.call_later(self._freeze.after_s, time.sleep, self._freeze.for_s)
            self._freeze = None


async def serve(port: int, freeze: Freeze | None) -> None:
    """Serve on 127.0.0.1 until cancelled; the port is printed on the first line."""
    loop, freezer = asyncio.get_running_loop(), Freezer(freeze)
    server = await loop.create_server(lambda: Endpoint(loop, freezer), "127.0.0.1", port, backlog=BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m claimbench.loadgen.load.idle_endpoint")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--freeze-after", type=float, default=0)
    parser.add_argument("--freeze-for", type=float, default=0)
    asked = parser.parse_args()
    freeze = Freeze(asked.freeze_after, asked.freeze_for) if asked.freeze_for else None
    try:
        asyncio.run(serve(asked.port, freeze))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
