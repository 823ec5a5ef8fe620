"""The same house as the integration tests', behind its OpenAPI document."""

from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.schemas import BaseSchema
from server_fixtures import chosen_server
from service_house import SMALL, House, opened_house

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Workshop


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with chosen_server() as server, Workshop(server) as workshop:
        template = workshop.template(SMALL, companies=3, indexes=IndexSet.AFTER)
        with workshop.clone(template) as url:
            yield from opened_house(url)


@pytest.fixture(scope="session")
def openapi(house: House) -> BaseSchema:
    house.company("Fuzzed")
    return schemathesis.openapi.from_asgi("/openapi.json", house.client.app)
