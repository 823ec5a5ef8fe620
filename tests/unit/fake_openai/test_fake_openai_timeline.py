"""When batches change their state."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.fake_openai.batches import (
    Status,
    Timeline,
    completing,
    expiring,
    failing,
    work_seconds,
)

START = 1_700_000_000.0
ALLOWED = {
    Status.VALIDATING: {Status.FAILED, Status.IN_PROGRESS, Status.CANCELLING},
    Status.IN_PROGRESS: {Status.FINALIZING, Status.EXPIRED, Status.CANCELLING},
    Status.FINALIZING: {Status.COMPLETED, Status.CANCELLING},
    Status.CANCELLING: {Status.CANCELLED},
}

timelines = st.one_of(
    st.builds(completing, st.just(START), st.floats(1, 10_000)),
    st.builds(expiring, st.just(START), st.floats(0, 1)),
    st.just(failing(START)),
)
moments = st.lists(st.floats(0, 100_000), min_size=2, max_size=20).map(sorted)


@given(timelines, moments, st.none() | st.floats(0, 100_000))
def test_states_follow_each_other_as_the_machine_allows(
    timeline: Timeline, moments: list[float], cancelled: float | None
) -> None:
    if cancelled is not None and timeline.ends_at > START + cancelled:
        timeline = timeline.cancelled(START + cancelled, 30)
    steps = [step.status for step in timeline.steps]
    seen = [timeline.status(START + moment) for moment in moments]

    assert all(after in ALLOWED[before] for before, after in pairwise(steps))
    assert [steps.index(status) for status in seen] == sorted(steps.index(status) for status in seen)


@given(timelines, moments)
def test_progress_only_grows_and_stays_a_share(timeline: Timeline, moments: list[float]) -> None:
    shares = [timeline.progress(START + moment) for moment in moments]

    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_nine_lines_take_as_long_as_the_recorded_batch() -> None:
    timeline = completing(START, work_seconds(9, 0.5))

    assert [step.at - START for step in timeline.steps] == [0, 3, 131, 133]


@given(st.integers(1, 50_000), st.floats(0, 1))
def test_every_batch_is_done_in_five_minutes(lines: int, chance: float) -> None:
    assert 0 < completing(START, work_seconds(lines, chance)).ends_at - START < 300


def test_counts_start_at_zero_and_grow_with_time(open_api: Callable[..., Any]) -> None:
    api = open_api(failed_line_rate=0.2)
    batch = api.batch_of(*(api.line(number) for number in range(100)))
    seen = []
    for _ in range(20):
        counts = api.retrieve(batch)["request_counts"]
        seen.append((counts["total"], counts["completed"] + counts["failed"]))
        api.now += 10

    assert seen[0] == (0, 0)
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100)


def test_asking_does_not_move_a_batch(api: Any) -> None:
    batch = api.batch_of(api.line())
    api.now += 60

    assert {api.retrieve(batch)["status"] for _ in range(50)} == {"in_progress"}


def test_a_batch_that_is_cancelled_while_validated_has_no_output(api: Any) -> None:
    batch = api.batch_of(api.line(1), api.line(2))
    api.call("POST", f"/batches/{batch['id']}/cancel")
    api.now += 100
    ended = api.retrieve(batch)

    assert (ended["status"], ended["output_file_id"]) == ("cancelled", None)
    assert {line["error"]["code"] for line in api.results(ended)} == {"batch_cancelled"}


def test_a_deleted_input_file_does_not_stop_its_batch(api: Any) -> None:
    file = api.upload(api.line()).json
    batch = api.create(file["id"]).json
    api.call("DELETE", f"/files/{file['id']}")
    api.now += 400

    assert len(api.results(api.retrieve(batch))) == 1


def test_a_download_is_the_same_each_time(api: Any) -> None:
    ended = api.ended(*(api.line(number) for number in range(50)))

    assert api.content(ended["output_file_id"]).content == api.content(ended["output_file_id"]).content


def test_the_usage_of_a_batch_is_the_sum_of_its_lines(open_api: Callable[..., Any]) -> None:
    api = open_api(failed_line_rate=0.2)
    ended = api.ended(*(api.line(number) for number in range(50)))
    usages = [line["response"]["body"]["usage"] for line in api.content(ended["output_file_id"]).lines]

    assert ended["usage"]["input_tokens"] == sum(usage["prompt_tokens"] for usage in usages)
    assert ended["usage"]["output_tokens"] == sum(usage["completion_tokens"] for usage in usages)
