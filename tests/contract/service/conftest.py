"""The same house as the integration tests', behind its OpenAPI document."""

from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.schemas import BaseSchema
from service_house import SMALL, House, opened_house

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Workshop
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe


@pytest.fixture(scope="session")
def house(workshop: Workshop) -> Iterator[House]:
    template = workshop.template(recipe(SMALL, companies=3, indexes=IndexSet.AFTER))
    with workshop.clone(template) as url:
        yield from opened_house(url)


@pytest.fixture(scope="session")
def openapi(house: House) -> BaseSchema:
    house.company("Fuzzed")
    return schemathesis.openapi.from_asgi("/openapi.json", house.client.app)
