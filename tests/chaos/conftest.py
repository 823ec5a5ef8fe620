"""The long sessions run when they are asked for: `nox -s chaos`, or pytest -m chaos."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from server_fixtures import FORGETFUL, chosen_server

from claimbench.loadgen.bench.databases.ownership import owned
from claimbench.loadgen.verify.world import World, open_world


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "chaos" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("chaos")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def worlds() -> Iterator[tuple[World, ...]]:
    """A world for each processor, on one server."""
    with chosen_server(FORGETFUL) as server, owned(server.admin_url) as owner, ExitStack() as opened:
        yield tuple(
            opened.enter_context(open_world(server.admin_url.set(database=owner.create(f"chaos_{number}"))))
            for number in range(os.cpu_count() or 1)
        )
