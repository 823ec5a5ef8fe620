"""A real server with a small template, as fixtures of all tests: each process of a run starts one, once."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, Template, Workshop, open_server
from claimbench.loadgen.bench.databases.data_folder import memory_root
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


@pytest.fixture
def files_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Servers that commands start keep their files there, if there is room: each clone is 300 new files."""
    root = memory_root()
    if root is None:
        yield
        return
    with tempfile.TemporaryDirectory(dir=root) as folder:
        Path(folder).chmod(0o711)  # the server may run as another user
        monkeypatch.setenv("TMPDIR", folder)
        yield
