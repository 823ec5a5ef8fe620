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


def test_counts_start_at_zero_and_grow_with_time(open_desk: Callable[..., Any]) -> None:
    desk = open_desk(failed_line_rate=0.2)
    batch = desk.batch_of(*(desk.line(number) for number in range(100)))
    seen = []
    for _ in range(20):
        counts = desk.retrieve(batch)["request_counts"]
        seen.append((counts["total"], counts["completed"] + counts["failed"]))
        desk.now += 10

    assert seen[0] == (0, 0)
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100)


def test_asking_does_not_move_a_batch(desk: Any) -> None:
    batch = desk.batch_of(desk.line())
    desk.now += 60

    assert {desk.retrieve(batch)["status"] for _ in range(50)} == {"in_progress"}


def test_a_batch_that_is_cancelled_while_validated_has_no_output(desk: Any) -> None:
    batch = desk.batch_of(desk.line(1), desk.line(2))
    desk.call("POST", f"/batches/{batch['id']}/cancel")
    desk.now += 100
    ended = desk.retrieve(batch)

    assert (ended["status"], ended["output_file_id"]) == ("cancelled", None)
    assert {line["error"]["code"] for line in desk.results(ended)} == {"batch_cancelled"}


def test_a_deleted_input_file_does_not_stop_its_batch(desk: Any) -> None:
    file = desk.upload(desk.line()).json
    batch = desk.create(file["id"]).json
    desk.call("DELETE", f"/files/{file['id']}")
    desk.now += 400

    assert len(desk.results(desk.retrieve(batch))) == 1


def test_a_download_is_the_same_each_time(desk: Any) -> None:
    ended = desk.ended(*(desk.line(number) for number in range(50)))

    assert desk.content(ended["output_file_id"]).content == desk.content(ended["output_file_id"]).content


def test_the_usage_of_a_batch_is_the_sum_of_its_lines(open_desk: Callable[..., Any]) -> None:
    desk = open_desk(failed_line_rate=0.2)
    ended = desk.ended(*(desk.line(number) for number in range(50)))
    usages = [line["response"]["body"]["usage"] for line in desk.content(ended["output_file_id"]).lines]

    assert ended["usage"]["input_tokens"] == sum(usage["prompt_tokens"] for usage in usages)
    assert ended["usage"]["output_tokens"] == sum(usage["completion_tokens"] for usage in usages)
