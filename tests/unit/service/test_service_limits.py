"""The limits of requests: back-pressure, body and time limits, before any thread or connection is taken."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from claimbench.impl.service.limits import RequestLimits, ServiceLimits
from claimbench.impl.service.telemetry import Telemetry

LIMITS = ServiceLimits(in_flight_max=3, body_s=0.05, body_bytes_max=100, response_s=0.05)


@dataclass
class Answer:
    """What came out of the application."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def scope(path: str = "/v1/sessions", **headers: str) -> Scope:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": sent}


def chunks(*bodies: bytes) -> Receive:
    left = list(bodies)

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()


async def pushed(limits: RequestLimits, receive: Receive, scope_: Scope) -> Answer:
    answer = Answer()
    await limits(scope_, receive, answer.send)
    return answer


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def limits(telemetry: Telemetry) -> RequestLimits:
    return RequestLimits(echo, LIMITS, telemetry)


def once(limits: RequestLimits, receive: Receive, **headers: str) -> Answer:
    return asyncio.run(pushed(limits, receive, scope(**headers)))


def test_a_body_in_pieces_arrives_as_one(limits: RequestLimits) -> None:
    answer = once(limits, chunks(b"one ", b"", b"two"))

    assert (answer.status, answer.body) == (200, b"one two")


def test_a_body_of_exactly_the_limit_passes(limits: RequestLimits) -> None:
    assert once(limits, chunks(b"x" * 60, b"x" * 40)).status == 200


def test_a_body_one_byte_above_the_limit_is_refused(limits: RequestLimits) -> None:
    assert once(limits, chunks(b"x" * 60, b"x" * 41)).status == 413


def test_a_declared_length_above_the_limit_is_refused_without_reading(limits: RequestLimits) -> None:
    answer = once(limits, never, content_length="101")

    assert (answer.status, answer.headers[b"connection"]) == (413, b"close")


def test_a_body_that_does_not_come_is_given_up(limits: RequestLimits) -> None:
    assert once(limits, never).status == 408


def filled(limits: RequestLimits, then: Callable[[], Awaitable[Answer]]) -> Answer:
    async def scene() -> Answer:
        waiting = [asyncio.create_task(pushed(limits, never, scope())) for _ in range(LIMITS.in_flight_max)]
        await asyncio.sleep(0)
        answer = await then()
        await asyncio.gather(*waiting)
        return answer

    return asyncio.run(scene())


def test_a_full_house_refuses_at_once_and_says_when_to_come_back(
    limits: RequestLimits, telemetry: Telemetry
) -> None:
    answer = filled(limits, lambda: pushed(limits, chunks(b""), scope()))

    assert (answer.status, answer.headers[b"retry-after"]) == (503, b"1")
    assert telemetry.registry.get_sample_value("claimbench_http_shed_total") == 1


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_a_full_house_still_tells_how_it_is(limits: RequestLimits, path: str) -> None:
    assert filled(limits, lambda: pushed(limits, chunks(b""), scope(path))).status == 200


def test_places_are_free_again_after_the_rush(limits: RequestLimits, telemetry: Telemetry) -> None:
    filled(limits, lambda: pushed(limits, chunks(b""), scope()))

    assert once(limits, chunks(b"")).status == 200
    assert telemetry.registry.get_sample_value("claimbench_http_in_flight") == 0


def test_a_reader_that_stops_reading_loses_its_place(limits: RequestLimits, telemetry: Telemetry) -> None:
    async def stuck(_: Message) -> None:
        await never()

    async def scene() -> None:
        await limits(scope(), chunks(b""), stuck)

    asyncio.run(scene())

    assert telemetry.registry.get_sample_value("claimbench_http_in_flight") == 0


def test_an_invented_method_makes_no_label_of_its_own(telemetry: Telemetry) -> None:
    telemetry.request("BREW", "unrouted", 405, 0.1)

    labels = {"method": "other", "route": "unrouted", "status": "405"}
    assert telemetry.registry.get_sample_value("claimbench_http_request_seconds_count", labels) == 1
