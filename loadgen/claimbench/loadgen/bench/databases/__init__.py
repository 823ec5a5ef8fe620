"""Where the measured databases live.

A server to work on, and the workshop that makes and drops databases on it. What is named here is imported
when it is asked for: a container's client and the scenarios are no part of an installation without extras.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimbench.loadgen.bench.databases.choice import open_server
    from claimbench.loadgen.bench.databases.server import Server, ServerFacts, ServerKind
    from claimbench.loadgen.bench.databases.template import Template
    from claimbench.loadgen.bench.databases.workshop import Workshop

__all__ = ["Server", "ServerFacts", "ServerKind", "Template", "Workshop", "open_server"]

_PLACES = {"open_server": "choice", "Template": "template", "Workshop": "workshop"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'server')}"), name)
