"""uvicorn's connections, kept by the client's address so that a fault can break one."""

import socket
import struct
from asyncio import Transport
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends a reset instead of a farewell."""


class Connections:
    """The open connections of one server."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """The protocol class for uvicorn that enters its connections here."""
        transports = self._transports

        class Entered(H11Protocol):
            def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
                # uvicorn narrows the type in the same way
                super().connection_made(transport)
                transports[_client(transport)] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.transport is not None:
                    transports.pop(_client(self.transport), None)
                super().connection_lost(exc)

        return Entered

    def reset(self, client: tuple[str, int] | None) -> None:
        """Break the connection of a client, with a TCP reset; one that has left needs none."""
        transport = self._transport(client)
        if transport is None:
            return
        connection: Any = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()

    def close(self, client: tuple[str, int] | None) -> None:
        """Send what was written to a client, and hang up."""
        transport = self._transport(client)
        if transport is not None:
            transport.close()

    def _transport(self, client: tuple[str, int] | None) -> Transport | None:
        return self._transports.get((client[0], client[1])) if client else None


def _client(transport: Transport) -> tuple[str, int]:
    address = transport.get_extra_info("peername") or ("", 0)
    return (str(address[0]), int(address[1]))
