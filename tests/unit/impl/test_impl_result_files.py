"""Result files as they come: short ones, and lines that are none."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from mutants.making import Twist

from claimbench.impl.connecting import open_client
from claimbench.impl.errors import ApiError, Blame
from claimbench.impl.events import ignore
from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import Policy
from claimbench.impl.result_files import EndedBatch, ResultReader, settled_request
from claimbench.impl.statuses import BatchStatus

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def line(request_id: int) -> bytes:
    body = {
        "choices": [{"message": {"content": "{}"}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
    }
    response = {"status_code": 200, "body": body}
    return json.dumps({"custom_id": f"summary-{request_id}", "response": response, "error": None}).encode()


WHOLE = [line(number) for number in (1, 2, 3)]


class Sending(Twist):
    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def download(self, file_id: str) -> Iterator[bytes]:
        yield from self._lines


def read(lines: Sequence[bytes], minutes: int = 1, answered: int = 3) -> list[int]:
    """The requests that have a result, so long after the batch ended."""
    reader = ResultReader(Sending(lines), Policy(), ignore, settled_request)
    batch = EndedBatch(
        1, "gpt-4o-mini", BatchStatus.COMPLETED, None, "batch_a", "file_o", None, answered, NOW
    )
    found: dict[int, RequestOutcome] = {}
    results = reader.read(batch, NOW + timedelta(minutes=minutes), found.__setitem__)

    assert results.lines == len(found)
    return list(found)


CUT = pytest.mark.parametrize(
    "lines",
    [WHOLE[:2], [*WHOLE[:2], WHOLE[2][:30]], [WHOLE[0][:30]], []],
    ids=["at an end", "in", "first", "all"],
)


@CUT
def test_a_file_that_came_short_is_read_again_in_a_later_run_and_nothing_is_lost(lines: list[bytes]) -> None:
    """Its length is told accordingly, so that nothing but its lines shows it."""
    with pytest.raises(ApiError) as told:
        read(lines)

    assert told.value.blame is Blame.MOMENT
    assert read(WHOLE) == [1, 2, 3]


@CUT
def test_a_file_without_all_of_its_answers_is_not_waited_for_for_ever(lines: list[bytes]) -> None:
    assert read(lines, minutes=61) == [1, 2, 3][: len([one for one in lines if one in WHOLE])]


def test_a_line_that_is_none_keeps_no_other_waiting() -> None:
    assert read([WHOLE[0], b"garbage", WHOLE[2]]) == [1, 3]


@pytest.mark.parametrize("call", ["retrieve", "create", "list", "complete"])
def test_an_answer_that_came_short_is_a_failure_of_the_moment(call: str) -> None:
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(
            200, headers={"content-type": "application/json"}, content=b'{"id": "batch_'
        )
    )
    with httpx2.Client(transport=transport) as http:
        api = OpenAIBatchApi(open_client("https://api.openai.com/v1", "any", http))
        calls = {
            "retrieve": lambda: api.retrieve("batch_a"),
            "create": lambda: api.create_batch("file_a", {}),
            "list": lambda: api.find_batches(["key"]),
            "complete": lambda: api.complete({"model": "gpt-4o-mini", "messages": []}),
        }
        with pytest.raises(ApiError) as told:
            calls[call]()

    assert (told.value.status_code, told.value.blame) == (None, Blame.MOMENT)
