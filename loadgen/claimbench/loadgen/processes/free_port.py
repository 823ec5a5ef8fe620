"""A port for a server that can only be told its number."""

import secrets
import socket
from contextlib import suppress

HOST = "127.0.0.1"
PORTS = range(20_000, 30_000)
"""Below those that systems give to connections and to servers that ask for any port: such a one would
sometimes be taken between the search and its use."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    while True:
        port = secrets.choice(PORTS)  # no seeded generator: runs side by side would choose the same
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port
