"""One server for a session: the controller of xdist starts it when the first of its workers asks."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Listener

from claimbench.loadgen.processes.free_port import HOST


class ServerTeller:
    """Answers each worker that asks with the server's URL, or with what went wrong."""

    def __init__(self, started: Callable[[], str]) -> None:
        self._started, self._key = started, secrets.token_bytes(16)
        self._listener = Listener((HOST, 0), authkey=self._key)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def ticket(self) -> str:
        """What a worker needs to ask."""
        return f"{self._listener.address[1]} {self._key.hex()}"

    def _serve(self) -> None:
        while True:
            with suppress(EOFError, ConnectionError), self._listener.accept() as asking:
                try:
                    asking.send(("url", self._started()))
                except Exception as error:
                    asking.send(("error", str(error)))


def asked(ticket: str) -> str:
    """The URL of the controller's server. RuntimeError with what the controller says went wrong."""
    port, key = ticket.split()
    with Client((HOST, int(port)), authkey=bytes.fromhex(key)) as connection:
        kind, said = connection.recv()
    if kind == "error":
        raise RuntimeError(said)
    return str(said)
