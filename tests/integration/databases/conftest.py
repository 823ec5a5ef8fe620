from collections.abc import Iterator

import pytest
from server_fixtures import SMALL, chosen_server

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """As a run starts one, and nobody else's databases on it: these tests look at both."""
    with chosen_server() as opened:
        yield opened


@pytest.fixture
def workshop(server: Server) -> Iterator[Workshop]:
    """One for each test: what it leaves behind is what the tests look for."""
    with Workshop(server) as opened:
        yield opened


@pytest.fixture
def template(workshop: Workshop) -> Template:
    return workshop.template(recipe(SMALL, companies=5, indexes=IndexSet.AFTER))
