"""Where the measured databases live.

A server to work on, and the workshop that makes and drops databases on it.
"""

from claimbench.loadgen.bench.databases.choice import open_server
from claimbench.loadgen.bench.databases.server import Server, ServerFacts, ServerKind
from claimbench.loadgen.bench.databases.template import Template
from claimbench.loadgen.bench.databases.workshop import Workshop

__all__ = ["Server", "ServerFacts", "ServerKind", "Template", "Workshop", "open_server"]
