"""The service on a database of its own, reached through its door by an in-process client."""

from collections.abc import Iterator

import pytest
from service_house import SMALL, House, opened_house
from sqlalchemy import URL

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe


@pytest.fixture(scope="session")
def template(workshop: Workshop) -> Template:
    return workshop.template(recipe(SMALL, companies=3, indexes=IndexSet.AFTER))


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
