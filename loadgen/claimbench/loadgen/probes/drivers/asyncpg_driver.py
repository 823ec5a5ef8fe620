"""asyncpg: speaks the protocol itself, so there is no libpq to trace; its messages are read on their way.

They pass through the transport of asyncio, whose protocol can be replaced; what is sent is noted where it is
written. A transport that lets nobody in (uvloop's) is not seen.
"""

import gc
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from psycopg.conninfo import make_conninfo

from claimbench.loadgen.probes.drivers.port import Noted, Opened
from claimbench.loadgen.probes.trace import TraceReader

_SENT = dict(
    zip(
        (b"Q", b"P", b"B", b"E", b"S", b"H", b"C", b"D", b"d", b"c", b"f"),
        b"Query Parse Bind Execute Sync Flush Close Describe CopyData CopyDone CopyFail".split(),
        strict=True,
    )
)
_RECEIVED = {
    b"D": b"DataRow",
    b"C": b"CommandComplete",
    b"s": b"PortalSuspended",
    b"Z": b"ReadyForQuery",
    b"E": b"ErrorResponse",
    b"d": b"CopyData",
    b"H": b"CopyOutResponse",
}
"""The messages that are counted, by their letters (PostgreSQL 18 documentation, 54.7)."""


class Asyncpg:
    """The driver `asyncpg`."""

    module = "asyncpg"

    def hook(self, opened: Opened) -> None:
        """Wrap the connection's class, which pools and dialects make theirs of."""
        kind = sys.modules[self.module].connection.Connection
        for each in gc.get_objects():
            if isinstance(each, kind):
                opened(each)
        made = kind.__init__

        def __init__(connection: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 (it stands in for one)
            made(connection, *arguments, **options)
            opened(connection)

        kind.__init__ = __init__

    def attach(self, connection: Any, reader: TraceReader, noted: Noted) -> "Overheard":
        """Read its messages from here on."""
        overheard = Overheard(connection._transport, reader, noted)
        overheard.begin()
        return overheard

    def is_open(self, connection: Any) -> bool:
        """Whether it is not closed."""
        return not connection.is_closed()

    def conninfo(self, connection: Any) -> str | None:
        """Its address and parameters, which are private to it."""
        host, port = connection._addr if isinstance(connection._addr, tuple) else (connection._addr, None)
        given = connection._params
        return make_conninfo(
            host=host, port=port, user=given.user, password=given.password or None, dbname=given.database
        )


@dataclass(slots=True)
class _Messages:
    """Bytes as they come, cut into messages: a kind, a length that counts itself, a body."""

    rest: bytes = b""

    def cut(self, data: bytes) -> list[tuple[bytes, int, bytes]]:
        self.rest += data
        found, start = [], 0
        while len(self.rest) - start >= 5:
            (length,) = struct.unpack_from("!I", self.rest, start + 1)
            end = start + 1 + length
            if len(self.rest) < end:
                break
            found.append((self.rest[start : start + 1], length, self.rest[start + 5 : end]))
            start = end
        self.rest = self.rest[start:]
        return found


@dataclass(slots=True)
class Overheard:
    """A transport between whose two ends we read."""

    transport: Any
    reader: TraceReader
    noted: Noted
    _sent: _Messages = field(default_factory=_Messages)
    _received: _Messages = field(default_factory=_Messages)
    _protocol: Any = None

    def begin(self) -> None:
        """Stand between the transport and its protocol. `AttributeError` when it lets nobody in."""
        write = self.transport.write

        def written(data: Any) -> None:
            self.send(bytes(data), sys._getframe(1))
            write(data)

        def all_written(parts: Iterable[Any]) -> None:
            data = b"".join(parts)
            self.send(data, sys._getframe(1))
            write(data)

        self.transport.write, self.transport.writelines = written, all_written
        self._protocol = self.transport.get_protocol()
        self.transport.set_protocol(_Listening(self, self._protocol))

    def send(self, data: bytes, frame: FrameType | None) -> None:
        """Read what is being sent."""
        for kind, length, body in self._sent.cut(data):
            name = _SENT.get(kind, b"Other")
            self.reader.feed([b"F\t%d\t%s\t %s\n" % (length, name, _sent_text(name, body))])
            if name in (b"Query", b"Bind"):
                text = body[:-1].decode(errors="replace") if name == b"Query" else self.reader.bound
                if text:
                    self.noted(text, frame, None)

    def receive(self, data: bytes) -> None:
        """Read what came."""
        for kind, length, body in self._received.cut(data):
            if name := _RECEIVED.get(kind):
                text = {b"C": b'"%s"' % body[:-1], b"Z": body}.get(kind, b"")
                self.reader.feed([b"B\t%d\t%s\t %s\n" % (length, name, text)])

    def read(self) -> None:
        """All that has come was read already."""

    def close(self) -> None:
        """Get out of the way."""
        del self.transport.write, self.transport.writelines
        if isinstance(self.transport.get_protocol(), _Listening):
            self.transport.set_protocol(self._protocol)


class _Listening:
    """Stands in for a protocol: what comes is read, then handed on; everything else is the protocol's own."""

    def __init__(self, overheard: Overheard, protocol: Any) -> None:
        self._overheard, self._protocol = overheard, protocol

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._overheard.receive(data)
        self._protocol.data_received(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)


def _sent_text(name: bytes, body: bytes) -> bytes:
    """The contents, as libpq's trace shows them."""
    if name == b"Query":
        return b'"%s"' % body[:-1]
    if name == b"Parse":
        prepared, text, types = body.split(b"\0", 2)
        (count,) = struct.unpack_from("!H", types)
        return b'"%s" "%s" %d%s' % (prepared, text, count, b" 0" * count)
    if name == b"Bind":
        return b'"%s" "%s"' % tuple(body.split(b"\0", 2)[:2])
    return b""
