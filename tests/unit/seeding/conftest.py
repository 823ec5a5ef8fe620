import pytest
from plain_seeding import PlainSeed, make_seed

from claimbench.scenarios.model import BatchDataset


@pytest.fixture(scope="session")
def dataset() -> BatchDataset:
    return BatchDataset(
        seed=7,
        companies=12,
        requests_per_company=40,
        history_per_company=25,
        messages_per_session="3..9",
        characters_per_message="20..120",
        skew=1.0,
    )


@pytest.fixture(scope="session")
def seed(dataset: BatchDataset) -> PlainSeed:
    return make_seed(dataset, companies=12)
