"""Whatever is sent is refused in one shape, or stored and shown harmlessly."""

import json
from typing import Any

import pytest
from service_house import LIMITS, House, session_form

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def company(house: House) -> int:
    return house.company("Abused")


def post(house: House, company: int, content: bytes) -> Any:
    return house.tenant(company, "POST", "/v1/sessions", content=content, headers=JSON)


ASKS = b'"requests": [{"processing_type": "SUMMARY"}]'
SAYS = b'"messages": [{"role": "user", "content": "x"}]'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}], %s}' % ASKS,
        b'{"messages": [{"role": "user", "content": "\\u0000"}], %s}' % ASKS,
        b'{"messages": [{"role": "root", "content": "x"}], %s}' % ASKS,
        b'{"messages": [], "requests": []}',
        b'{%s, "requests": [{"processing_type": "GUESS"}]}' % SAYS,
        b'{%s, %s, "unknown": 1}' % (SAYS, ASKS),
        b'{"started_at": "0001-01-01T00:00:00+14:00", %s, %s}' % (SAYS, ASKS),
    ],
)
def test_a_body_that_is_not_a_session_is_refused(house: House, company: int, content: bytes) -> None:
    response = post(house, company, content)

    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail", "faults"} == set(response.json())


def test_any_text_that_utf_8_can_hold_comes_back_as_it_was_sent(house: House, company: int) -> None:
    text = "<script>alert(1)</script> ' OR 1=1 -- \u202e 🙂 \x01 \r\n\t"
    post(house, company, json.dumps(session_form(text)).encode())
    with house.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT content FROM message ORDER BY id DESC LIMIT 1")

        assert stored.scalar_one() == text


def test_a_body_above_ten_megabytes_is_refused_before_it_is_parsed(house: House, company: int) -> None:
    response = post(house, company, json.dumps(session_form("x" * 10_000_000)).encode())

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_chunked_body_without_a_length_is_refused_at_ten_megabytes(house: House, company: int) -> None:
    sent = []

    def chunks() -> Any:
        for _ in range(400):
            sent.append(1)
            yield b"x" * 100_000

    response = house.tenant(company, "POST", "/v1/sessions", content=chunks(), headers=JSON)

    assert response.status_code == 413


@pytest.mark.parametrize(
    "path", ["/v1/sessions/0", "/v1/sessions/x", f"/v1/sessions/{10**30}", "/v1/requests/-1"]
)
def test_an_id_that_cannot_be_one_is_refused(house: House, company: int, path: str) -> None:
    assert house.tenant(company, "GET", path).status_code == 422


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "\x7f"])
def test_an_idempotency_key_that_is_none_is_refused(house: House, company: int, key: str) -> None:
    headers = {"idempotency-key": key}
    response = house.tenant(company, "POST", "/v1/sessions", json=session_form(), headers=headers)

    assert response.status_code == 422


def test_more_sessions_than_a_bulk_may_have_are_refused(house: House, company: int) -> None:
    forms = {"sessions": [session_form()] * 501}

    assert house.tenant(company, "POST", "/v1/sessions/bulk", json=forms).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PATCH", "/v1/sessions"), ("TRACE", "/health")]
)
def test_what_does_not_exist_is_refused_in_the_same_shape(house: House, method: str, path: str) -> None:
    response = house.client.request(method, path)

    assert response.status_code in (404, 405)
    assert response.json()["status"] == response.status_code


def test_a_database_that_gives_no_connection_in_time_is_a_503_with_a_time_to_retry(
    house: House, company: int
) -> None:
    house.tenant(company, "GET", "/v1/sessions")  # so that the key is known already
    taken = [house.engine.connect() for _ in range(LIMITS.connections)]
    try:
        response = house.tenant(company, "GET", "/v1/sessions")
    finally:
        for connection in taken:
            connection.close()

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert "retry-after" in response.headers


def test_every_answer_tells_browsers_to_trust_nothing(house: House) -> None:
    headers = house.client.get("/health").headers

    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
