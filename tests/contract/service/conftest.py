"""The same house as the integration tests', behind its OpenAPI document."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from schemathesis.schemas import BaseSchema

sys.path.insert(0, str(Path(__file__).parents[2] / "integration" / "service"))

from service_house import House, opened_house  # pytest does not look there itself

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.databases import Workshop, open_server
from claimbench.scenarios.model import Dataset


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    dataset = Dataset(
        seed=7,
        companies=3,
        requests_per_company=12,
        messages_per_session="2..5",
        characters_per_message="20..60",
    )
    with open_server("embedded", announce=lambda _: None) as server, Workshop(server) as workshop:
        template = workshop.template(dataset, companies=3, indexes=IndexSet.AFTER)
        with workshop.clone(template) as url:
            yield from opened_house(url)


@pytest.fixture(scope="session")
def openapi(house: House) -> BaseSchema:
    house.company("Fuzzed")
    return schemathesis.openapi.from_asgi("/openapi.json", house.client.app)
