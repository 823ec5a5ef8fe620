"""Result files as they come: short ones, and lines that are none."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from mutants.making import Twist

from claimbench.impl.connecting import open_client
from claimbench.impl.errors import ApiError, Blame, IncompleteFilesError
from claimbench.impl.events import ignore
from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import ApiBatch, Policy
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
    """An API that sends these lines, each with its end, and says how large the file is, and what time it is.

    refused: with this status it says that it has no such file.
    """

    def __init__(
        self,
        lines: Sequence[bytes],
        told_at: int | None = None,
        size: int | None = None,
        refused: int | None = None,
    ) -> None:
        self._lines, self._told_at, self._size, self._refused = lines, told_at, size, refused

    def retrieve(self, batch_id: str) -> ApiBatch:
        assert batch_id == "batch_a"
        return ApiBatch(batch_id, BatchStatus.COMPLETED, "file_i", told_at=self._told_at)

    def download(self, file_id: str) -> Iterator[bytes]:
        if self._refused:
            raise ApiError("no such file", status_code=self._refused, retryable=False)
        yield from self._lines

    def file_size(self, file_id: str) -> int | None:
        assert file_id == "file_o"
        if self._refused:
            raise ApiError("no such file", status_code=self._refused, retryable=False)
        return self._size


def read(
    api: Twist, since: int | None = None, now: datetime = NOW, error_file_id: str | None = None
) -> list[int]:
    """The requests that have a result of a batch of three answers, known to be incomplete since then."""
    reader = ResultReader(api, Policy(), ignore, settled_request)
    batch = EndedBatch(
        1, "gpt-4o-mini", BatchStatus.COMPLETED, None, "batch_a", "file_o", error_file_id, 3, since
    )
    found: dict[int, RequestOutcome] = {}
    results = reader.read(batch, now, found.__setitem__)

    assert results.lines == len(found)
    return list(found)


AT = 1_800_000_000
"""The API's time in these tests, which is not ours."""
HOUR = 3_600


SIZE = sum(len(one) + 1 for one in WHOLE)

CUT = pytest.mark.parametrize(
    "lines",
    [WHOLE[:2], [*WHOLE[:2], WHOLE[2][:30]], [WHOLE[0][:30]], []],
    ids=["at an end", "in", "first", "all"],
)


@CUT
@pytest.mark.parametrize("since", [None, AT - 100 * HOUR])
def test_a_file_of_which_less_came_than_there_is_is_read_again_however_often(
    lines: list[bytes], since: int | None
) -> None:
    """Its length is told accordingly: its lines and what the API keeps of it show it (seed 2172)."""
    with pytest.raises(ApiError, match=f"bytes of {SIZE} came of file_o") as told:
        read(Sending(lines, AT, SIZE), since)

    assert told.value.blame is Blame.MOMENT
    assert read(Sending(WHOLE, AT, SIZE), since) == [1, 2, 3]


@CUT
def test_a_file_that_came_whole_is_not_waited_for_whatever_the_api_counts(lines: list[bytes]) -> None:
    came = lines or [b"", b""]
    size = sum(len(one) + 1 for one in came)

    assert read(Sending(came, AT, size)) == whole_of(lines)
    assert read(Sending(came, AT, size - 1)) == whole_of(lines)  # the last line has no end


def whole_of(lines: Sequence[bytes]) -> list[int]:
    return [1, 2, 3][: len([one for one in lines if one in WHOLE])]


def test_line_ends_of_two_bytes_and_empty_lines_are_bytes_of_a_file_and_no_lines() -> None:
    lines = [WHOLE[0] + b"\r", b"", b"\r", WHOLE[1] + b"\r"]

    assert read(Sending(lines, AT, sum(len(one) + 1 for one in lines))) == [1, 2]
    with pytest.raises(ApiError, match="came of file_o"):
        read(Sending(lines, AT, sum(len(one) + 1 for one in lines) + 1))


def test_answers_that_are_missing_are_not_made_up_for_by_lines_of_errors() -> None:
    """Counted together, the lines of the error file hid that the output file had come short."""

    class Both(Sending):
        def download(self, file_id: str) -> Iterator[bytes]:
            yield from self._lines if file_id == "file_o" else [line(4), line(5)]

    with pytest.raises(ApiError, match="came of file_o"):
        read(Both(WHOLE[:2], AT, SIZE), error_file_id="file_e")
    assert read(Both(WHOLE, AT, SIZE), error_file_id="file_e") == [1, 2, 3, 4, 5]


@CUT
@pytest.mark.parametrize("size", [None, 0])
@pytest.mark.parametrize("since", [None, AT, AT - HOUR + 1])
@pytest.mark.parametrize("hours", [-500, 0, 3])
def test_where_the_api_tells_no_size_a_short_file_is_waited_for_whatever_our_clock_says(
    lines: list[bytes], since: int | None, hours: int, size: int | None
) -> None:
    with pytest.raises(IncompleteFilesError) as told:
        read(Sending(lines, AT, size), since, NOW + timedelta(hours=hours))

    assert (told.value.blame, told.value.since) == (Blame.MOMENT, since or AT)
    assert read(Sending(WHOLE, AT, size), since) == [1, 2, 3]
    assert read(Sending(lines, AT + HOUR, size), since=AT) == whole_of(lines)


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_not_found_is_looked_for_again_for_an_hour_of_the_apis_clock(status: int) -> None:
    with pytest.raises(IncompleteFilesError) as told:
        read(Sending((), AT, refused=status), since=None, now=NOW + timedelta(days=9))

    assert told.value.since == AT
    assert read(Sending((), AT + HOUR, refused=status), since=told.value.since) == []


def test_where_the_api_tells_no_time_our_own_is_taken() -> None:
    with pytest.raises(IncompleteFilesError) as told:
        read(Sending(WHOLE[:2]), now=NOW)

    assert told.value.since == NOW.timestamp()
    assert read(Sending(WHOLE[:2]), told.value.since, NOW + timedelta(hours=1)) == [1, 2]


@pytest.mark.parametrize("retrieve", [404, 503])
def test_what_is_missing_of_a_batch_that_the_api_has_lost_is_not_waited_for(retrieve: int) -> None:
    class Forgetful(Sending):
        def retrieve(self, batch_id: str) -> ApiBatch:
            raise ApiError(f"no {batch_id}", status_code=retrieve, retryable=retrieve == 503)

    if retrieve == 404:
        assert read(Forgetful(WHOLE[:2], AT)) == [1, 2]
    else:
        with pytest.raises(ApiError, match="no batch_a"):
            read(Forgetful(WHOLE[:2], AT))


def test_a_line_that_is_none_keeps_no_other_waiting() -> None:
    assert read(Sending([WHOLE[0], b"garbage", WHOLE[2]], AT)) == [1, 3]


@pytest.mark.parametrize(
    ("date", "told_at"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:38 GMT", 784_111_777),
        ("", None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        (None, None),
    ],
)
def test_the_apis_time_is_the_header_date_of_its_answer(date: str | None, told_at: int | None) -> None:
    batch = {
        "id": "batch_a",
        "object": "batch",
        "status": "completed",
        "input_file_id": "file_i",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "created_at": 1,
    }
    headers = {} if date is None else {"date": date}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, json=batch))
    with httpx2.Client(transport=transport) as http:
        api = OpenAIBatchApi(open_client("https://api.openai.com/v1", "any", http))

        assert api.retrieve("batch_a").told_at == told_at


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
