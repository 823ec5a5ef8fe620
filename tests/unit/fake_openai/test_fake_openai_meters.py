"""The fake's own meters."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import openai
from respx.mocks import Mocker

from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.limits import ROOMY
from claimbench.loadgen.fake_openai.meters import ModelCall, ModelCallKind
from claimbench.loadgen.fake_openai.respx_adapter import serving


def test_calls_and_bytes_are_counted_by_call(api: Any) -> None:
    upload = api.upload(api.line())
    batch = api.create(upload.json["id"]).json
    shown = api.call("GET", f"/batches/{batch['id']}")
    content = api.content(upload.json["id"])
    api.call("GET", "/nothing")
    meters = api.fake.meters()

    assert meters.calls == {
        "files.create": 1,
        "batches.create": 1,
        "batches.retrieve": 1,
        "files.content": 1,
        "unknown": 1,
    }
    assert meters.bytes_out["batches.retrieve"] == len(shown.content)
    assert meters.bytes_out["files.content"] == len(content.content)
    assert meters.bytes_in["files.create"] > len(content.content)
    assert meters.total_calls == 5


def test_submitted_work_is_what_the_model_was_given_on_both_channels(api: Any) -> None:
    api.batch_of(api.line(1), api.line(2))
    api.call("POST", "/chat/completions", api.body(2))
    api.batch_of(api.line(3), b"{bad\n")
    submitted = api.fake.meters().submitted

    assert len(submitted) == 3
    assert Counter(submitted) == Counter(
        [
            ModelCall(ModelCallKind.BATCH, "request-1", canonical(api.body(1))),
            ModelCall(ModelCallKind.BATCH, "request-2", canonical(api.body(2))),
            ModelCall(ModelCallKind.CHAT, None, canonical(api.body(2))),
        ]
    )


def test_submitted_work_is_compared_without_regard_to_order_and_grouping(
    open_api: Callable[..., Any],
) -> None:
    one, other = open_api(), open_api()
    one.batch_of(one.line(1), one.line(2), one.line(3))
    other.batch_of(other.line(3))
    other.batch_of(other.line(2), other.line(1))

    assert Counter(one.fake.meters().submitted) == Counter(other.fake.meters().submitted)


def test_a_request_that_comes_in_two_batches_is_a_duplicate(api: Any) -> None:
    api.batch_of(api.line(1), api.line(2))
    clean = api.fake.meters().duplicates
    api.batch_of(api.line(2), api.line(3))

    assert (clean, api.fake.meters().duplicates) == (0, 1)


def test_a_reset_of_the_meters_keeps_files_batches_and_attempts(api: Any) -> None:
    batch = api.batch_of(api.line(1))
    api.call("POST", "/chat/completions", api.body(1))
    api.fake.reset_meters()
    meters = api.fake.meters()

    assert (meters.calls, len(meters.submitted), list(meters.submitted)) == ({}, 0, [])
    assert api.retrieve(batch)["id"] == batch["id"]


def test_a_reset_forgets_everything(api: Any) -> None:
    first = api.batch_of(api.line(1))
    answer = api.call("POST", "/chat/completions", api.body(1)).content
    api.fake.reset()

    assert api.call("GET", f"/batches/{first['id']}").status == 404
    assert api.call("GET", "/files").json["data"] == []
    assert api.batch_of(api.line(1))["id"] == first["id"]
    assert api.call("POST", "/chat/completions", api.body(1)).content == answer


def test_eight_threads_share_a_fake_and_nothing_is_kept_by_respx() -> None:
    fake = FakeOpenAI(seed=1, clock=lambda: 1_700_000_000.0, limits=ROOMY)
    errors: list[Exception] = []

    def work(client: openai.OpenAI, number: int) -> None:
        message = {"role": "user", "content": f"hello {number}"}
        try:
            for _ in range(25):
                client.chat.completions.create(model="gpt-4o-mini", messages=[message])
                client.batches.list()
        except Exception as error:
            errors.append(error)

    with serving(fake), openai.OpenAI(api_key="k") as client:
        threads = [threading.Thread(target=work, args=(client, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        meters = fake.meters()
        bodies = Counter(one.body for one in meters.submitted)
        kept = [
            call for mocker in Mocker.registry.values() for router in mocker.routers for call in router.calls
        ]
    fake.close()

    assert not errors
    assert not kept
    assert meters.calls == {"chat.completions.create": 200, "batches.list": 200}
    assert set(bodies.values()) == {25}
    assert 1 <= meters.in_flight_max <= 8
    assert meters.in_flight == 0
