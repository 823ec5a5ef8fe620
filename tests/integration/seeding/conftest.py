import os
from collections.abc import Iterator

import pytest

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.databases import Server, Template, Workshop, open_server
from claimbench.scenarios.model import Dataset


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return Dataset(
        seed=7,
        companies=5,
        requests_per_company=20,
        history_per_company=10,
        messages_per_session="2..5",
        characters_per_message="20..60",
        skew=1.0,
    )


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server(
        os.environ.get("CLAIMBENCH_TEST_DATABASE", "embedded"), announce=lambda _: None
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def workshop(server: Server) -> Iterator[Workshop]:
    with Workshop(server) as opened:
        yield opened


@pytest.fixture(scope="session")
def template(workshop: Workshop, dataset: Dataset) -> Template:
    return workshop.template(dataset, companies=5, indexes=IndexSet.AFTER)
