"""The service keeps to its OpenAPI document, whatever is sent: no 5xx, no undocumented answer.

More cases: CLAIMBENCH_FUZZ=1000 pytest tests/contract/service
"""

import os
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from service_house import ADMIN_TOKEN, House

CASES = int(os.environ.get("CLAIMBENCH_FUZZ", "10"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.whole
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
def test_every_answer_is_a_documented_one(openapi: BaseSchema, house: House, mode: GenerationMode) -> None:
    key = next(iter(house.keys.values()))
    operations = [found.ok() for found in openapi.get_all_operations()]

    assert len(operations) > 15
    for operation in operations:
        token = key if operation.path.startswith("/v1") else ADMIN_TOKEN
        hold_to_the_document(operation.as_strategy(generation_mode=mode), token)


def hold_to_the_document(cases: SearchStrategy[schemathesis.Case], token: str) -> None:
    @given(cases)
    @settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"authorization": f"Bearer {token}"}, checks=CHECKS)

    with suppress(Unsatisfiable):  # there are operations about which nothing can be wrong
        answered()


def test_every_route_that_may_refuse_documents_the_one_shape(house: House) -> None:
    paths = house.client.get("/openapi.json").json()["paths"]
    errors = {
        (path, status, tuple(answer.get("content", {})))
        for path, methods in paths.items()
        for route in methods.values()
        for status, answer in route["responses"].items()
        if status >= "400" and path != "/ready"
    }

    assert {media for _, _, (media,) in errors} == {"application/problem+json"}
