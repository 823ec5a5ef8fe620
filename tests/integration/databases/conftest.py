from collections.abc import Iterator

import pytest
from server_fixtures import SMALL, dataset, server

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, Template, Workshop

__all__ = ["dataset", "server"]


@pytest.fixture
def workshop(server: Server) -> Iterator[Workshop]:
    """One for each test: what it leaves behind is what the tests look for."""
    with Workshop(server) as opened:
        yield opened


@pytest.fixture
def template(workshop: Workshop) -> Template:
    return workshop.template(SMALL, companies=5, indexes=IndexSet.AFTER)
