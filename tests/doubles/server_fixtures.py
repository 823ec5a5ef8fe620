"""A real server with a small template, as fixtures of all tests: each process of a run starts one, once."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, Template, Workshop, open_server
from claimbench.loadgen.bench.databases.settings import Setting
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.scenarios.model import BatchDataset

SMALL = BatchDataset(
    seed=7,
    companies=5,
    requests_per_company=20,
    history_per_company=10,
    messages_per_session="2..5",
    characters_per_message="20..60",
    skew=1.0,
)


FORGETFUL = Setting("fsync", "off")
"""No test looks for what a crash of the machine would lose, and a clone that waits for a disk takes ten times
as long."""


def chosen_server(*settings: Setting) -> AbstractContextManager[Server]:
    """The kind that CLAIMBENCH_TEST_DATABASE names: an embedded one, in memory, if it is not set."""
    chosen = os.environ.get("CLAIMBENCH_TEST_DATABASE", "embedded")
    return open_server(chosen, announce=lambda _: None, settings=settings, in_memory=True)


@pytest.fixture(scope="session")
def dataset() -> BatchDataset:
    return SMALL


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with chosen_server(FORGETFUL) as opened:
        yield opened


@pytest.fixture(scope="session")
def workshop(server: Server) -> Iterator[Workshop]:
    with Workshop(server) as opened:
        yield opened


@pytest.fixture(scope="session")
def template(workshop: Workshop) -> Template:
    return workshop.template(recipe(SMALL, companies=5, indexes=IndexSet.AFTER))
