"""Tells of every connection that this process opens, by whatever driver and on whatever way."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from claimbench.loadgen.probes.drivers.asyncpg_driver import Asyncpg
from claimbench.loadgen.probes.drivers.port import Driver
from claimbench.loadgen.probes.drivers.psycopg2_driver import Psycopg2
from claimbench.loadgen.probes.drivers.psycopg3 import Psycopg3

PSYCOPG3 = Psycopg3()
DRIVERS: tuple[Driver, ...] = (PSYCOPG3, Psycopg2(), Asyncpg())


@dataclass(frozen=True, slots=True)
class OpenedConnection:
    """A connection and its driver."""

    connection: Any
    driver: Driver


Listener = Callable[[OpenedConnection], None]


class ConnectionHook:
    """Knows what was opened since it was set, and tells its listeners of what is opened later."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, Driver] = weakref.WeakKeyDictionary()
        self._listeners: list[Listener] = []
        self._hooked: set[str] = set()

    def set(self) -> None:
        """Hook each driver that is installed, once and for good; code may import it later."""
        for driver in DRIVERS:
            if driver.module not in self._hooked and find_spec(driver.module):
                import_module(driver.module)
                self._hooked.add(driver.module)
                driver.hook(partial(self._opened, driver))

    def listen(self, listener: Listener) -> None:
        """Tell it of the connections that are open, and of all that will be opened."""
        self.set()
        self._listeners.append(listener)
        for connection, driver in list(self._known.items()):
            if driver.is_open(connection):
                listener(OpenedConnection(connection, driver))

    def forget(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.remove(listener)

    def _opened(self, driver: Driver, connection: Any) -> None:
        self._known[connection] = driver
        for listener in self._listeners:
            listener(OpenedConnection(connection, driver))


HOOK = ConnectionHook()
