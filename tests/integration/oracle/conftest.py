from collections.abc import Iterator
from random import Random

import pytest

from claimbench.loadgen.bench.databases import Server
from claimbench.loadgen.bench.databases.ownership import owned
from claimbench.loadgen.verify.datasets import HistoryDataset, draw_dataset
from claimbench.loadgen.verify.world import World, open_world


@pytest.fixture(scope="session")
def world(server: Server) -> Iterator[World]:
    with (
        owned(server.admin_url) as owner,
        open_world(server.admin_url.set(database=owner.create("oracle"))) as opened,
    ):
        yield opened


@pytest.fixture(scope="session")
def tiny() -> HistoryDataset:
    """About a dozen requests of three companies, odd ones among them."""
    drawn = (draw_dataset(Random(seed)) for seed in range(1_000))  # noqa: S311 (data, not secrets)
    return next(
        plan
        for plan in drawn
        if len(plan.companies) == 3
        and all(company.is_active and company.sessions for company in plan.companies)
        and 9 <= sum(len(company.sessions) for company in plan.companies) <= 12
    )
