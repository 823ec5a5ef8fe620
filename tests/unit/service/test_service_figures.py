"""The pure parts of the service: exports, health, the curve, the guard, kinds of statement, counts."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.errors import UsageError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import Policy, Stage, StageReport
from claimbench.impl.service.activity import ActivityCounters
from claimbench.impl.service.admin_access import AdminAuthentication
from claimbench.impl.service.exports import FORMULA_STARTS, harmless, log_csv
from claimbench.impl.service.figures import SchedulerFigures, WorkerReport, WorkerState
from claimbench.impl.service.hosting import is_loopback
from claimbench.impl.service.operations_log import Level, LogLine
from claimbench.impl.service.overview import LOST_AFTER, Health, health_of, unless_lost
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.query_times import statement_kind
from claimbench.impl.service.worker_factory import durations_of
from claimbench.impl.stage_events import StageEvent

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]))


def worker(state: WorkerState = WorkerState.RUNNING, seen_at: datetime = NOW) -> WorkerReport:
    return WorkerReport(
        name="w",
        pipeline="optimized",
        speed=1,
        started_at=NOW,
        seen_at=seen_at,
        scheduler=SchedulerFigures(state=state),
    )


def ended(report: StageReport | None, seconds: float) -> StageEvent:
    kind = EventKind.STAGE_FAILED if report is None else EventKind.STAGE_DONE
    return StageEvent(
        kind, stage=Stage.RETRY_FAILED, pipeline="naive", ended_at=NOW, seconds=seconds, report=report
    )


@given(texts)
def test_no_exported_text_begins_like_a_formula(text: str) -> None:
    assert not str(harmless(text)).startswith(FORMULA_STARTS)


@given(texts, st.sampled_from([";", "; ", ';"', ";\t", "\n"]), st.sampled_from(FORMULA_STARTS))
def test_no_exported_text_begins_like_a_formula_where_semicolons_part_the_cells(
    text: str, before: str, start: str
) -> None:
    cells = re.split(r"[;\n]", str(harmless(f"{text}{before}{start}1+1")))

    assert not any(cell.lstrip(" \"'").startswith(FORMULA_STARTS) and "'" not in cell for cell in cells)
    assert str(harmless("Acme;=1+1")) == "Acme;'=1+1"
    assert str(harmless("Acme; Sons")) == "Acme; Sons"


@given(st.integers() | st.floats(allow_nan=False))
def test_numbers_are_exported_as_they_are(number: float) -> None:
    assert harmless(number) == number


@given(texts)
def test_whatever_a_log_line_says_stays_in_its_cell(detail: str) -> None:
    line = LogLine(at=NOW, worker="w", operation="stage", level=Level.INFO, detail=detail)
    header, row = csv.reader(io.StringIO("".join(log_csv([line])), newline=""))

    assert dict(zip(header, row, strict=True))["detail"] == str(harmless(detail))


def test_without_a_living_worker_health_is_stopped() -> None:
    dead = (worker(WorkerState.STOPPED), worker(WorkerState.LOST))

    assert health_of(dead, (), paused=False) is Health.STOPPED


def test_one_living_worker_among_dead_ones_is_enough() -> None:
    assert health_of((worker(), worker(WorkerState.STOPPED)), (), paused=False) is Health.WELL


def test_a_pause_that_was_ordered_is_no_trouble() -> None:
    assert health_of((worker(),), ("an error in a row",), paused=True) is Health.PAUSED


def test_any_reason_makes_health_troubled() -> None:
    assert health_of((worker(),), ("an error in a row",), paused=False) is Health.TROUBLED


@pytest.mark.parametrize(
    ("age", "state"),
    [(LOST_AFTER - timedelta(seconds=1), WorkerState.RUNNING), (LOST_AFTER, WorkerState.LOST)],
)
def test_a_worker_is_lost_when_it_was_not_seen_for_ten_seconds(age: timedelta, state: WorkerState) -> None:
    assert unless_lost(worker(seen_at=NOW - age), NOW).scheduler.state is state


def test_a_worker_that_said_goodbye_is_not_lost() -> None:
    gone = worker(WorkerState.STOPPED, NOW - timedelta(minutes=5))

    assert unless_lost(gone, NOW) is gone


@given(st.text())
def test_no_other_token_opens_and_none_crashes(token: str) -> None:
    guard = AdminAuthentication("the only token there is")

    with pytest.raises(Problem):
        guard.check_token(token, "192.0.2.1")


@given(st.text())
def test_no_made_up_session_is_one(cookie: str) -> None:
    assert not AdminAuthentication("the only token there is").is_session(cookie)


def test_a_session_is_good_for_its_own_token_alone() -> None:
    cookie = AdminAuthentication("the first token").new_session()

    assert AdminAuthentication("the first token").is_session(cookie)
    assert not AdminAuthentication("the second token").is_session(cookie)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT company.id FROM company", "SELECT company"),
        ("WITH batch AS (\n INSERT INTO ai_batch_request (key) SELECT 1)", "INSERT ai_batch_request"),
        ("UPDATE session SET summary = NULL", "UPDATE session"),
        ("DELETE FROM operation_log WHERE at < now()", "DELETE operation_log"),
        ("SELECT 1", "other"),
        ("SELECT * FROM secrets", "other"),
    ],
)
def test_a_statement_is_known_by_its_verb_and_table(statement: str, kind: str) -> None:
    assert statement_kind(statement) == kind


def test_the_counters_add_up_runs_work_and_errors() -> None:
    counters = ActivityCounters()
    done = StageReport(Stage.RETRY_FAILED, claimed=3, completed=2, failed=1)
    for report, seconds in ((done, 0.1), (done, 0.3), (None, 0.2)):
        counters(ended(report, seconds))
    figures = {one.operation: one for one in counters.operations()}[Stage.RETRY_FAILED]

    assert (figures.runs, figures.errors, figures.claimed, figures.completed) == (3, 1, 6, 4)
    assert (round(figures.mean_ms), round(figures.max_ms)) == (200, 300)


def test_the_hit_rate_is_unknown_before_the_first_lookup() -> None:
    counters = ActivityCounters()
    before = counters.cache().hit_rate
    for kind in (EventKind.CACHE_HIT, EventKind.CACHE_HIT, EventKind.CACHE_MISS):
        counters(Event(kind))

    assert (before, round(counters.cache().hit_rate or 0, 3)) == (None, 0.667)


def test_a_faster_pace_shortens_every_wait_but_the_lease() -> None:
    pace, document = durations_of(60), Policy()

    assert pace.timetable.intervals[Stage.PROCESS_RESULTS] == timedelta(seconds=1)
    assert pace.policy.pending_age_max == document.pending_age_max / 60
    assert pace.policy.claim_lease == document.claim_lease


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), 10_000])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(UsageError, match="is not a speed"):
        durations_of(speed)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],  # noqa: S104 (what is asked about)
)
def test_only_this_machine_reaches_a_loopback_address(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside
