"""The service on a database of its own, reached through its door by an in-process client."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

sys.path.insert(0, str(Path(__file__).parent))

from service_house import House, opened_house  # it stands beside this file, where pytest does not look

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.databases import Server, Template, Workshop, open_server
from claimbench.scenarios.model import Dataset


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server("embedded", announce=lambda _: None) as opened:
        yield opened


@pytest.fixture(scope="session")
def workshop(server: Server) -> Iterator[Workshop]:
    with Workshop(server) as opened:
        yield opened


@pytest.fixture(scope="session")
def template(workshop: Workshop) -> Template:
    dataset = Dataset(
        seed=7,
        companies=3,
        requests_per_company=12,
        messages_per_session="2..5",
        characters_per_message="20..60",
    )
    return workshop.template(dataset, companies=3, indexes=IndexSet.AFTER)


@pytest.fixture
def database(workshop: Workshop, template: Template) -> Iterator[URL]:
    with workshop.clone(template) as url:
        yield url


@pytest.fixture(scope="session")
def house(workshop: Workshop, template: Template) -> Iterator[House]:
    """One for all tests that bring their own companies."""
    with workshop.clone(template) as url:
        yield from opened_house(url)


@pytest.fixture
def own_house(database: URL) -> Iterator[House]:
    """A fresh one."""
    yield from opened_house(database)


@pytest.fixture(scope="module")
def module_database(workshop: Workshop, template: Template) -> Iterator[URL]:
    with workshop.clone(template) as url:
        yield url
