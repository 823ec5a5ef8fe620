"""What was sampled, as lines with axes: they stay in their box, break where nothing is known, and add up."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.ports import Stage
from claimbench.impl.service.figures import OperationFigures, SchedulerFigures, WorkerReport, WorkerState
from claimbench.impl.service.overview import Health, Overview
from claimbench.impl.service.queue_table import QueueRow
from claimbench.impl.service.telemetry import RecentlyServed, Telemetry
from claimbench.impl.service.trend import HEIGHT, WIDTH, Trend, TrendChart, TrendLine, axis_top

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NOBODY = RecentlyServed()


def row(operation: Stage, waiting: int = 0, done: int = 0) -> QueueRow:
    return QueueRow(
        company_id=1,
        company="Acme",
        operation=operation,
        unit="requests",
        waiting=waiting,
        done=done,
        failed=0,
        oldest_waiting_at=None,
        total_tokens=None,
        cost_usd=None,
    )


def worker(errors: int, name: str = "w") -> WorkerReport:
    figures = OperationFigures(
        **dict.fromkeys(("runs", "mean_ms", "p50_ms", "p95_ms", "max_ms", "claimed", "created"), 0),
        **dict.fromkeys(("completed", "failed", "skipped"), 0),
        operation=Stage.CHECK_STATUSES,
        errors=errors,
        last_at=None,
    )
    return WorkerReport(
        name=name,
        pipeline="optimized",
        speed=1,
        started_at=NOW,
        seen_at=NOW,
        scheduler=SchedulerFigures(state=WorkerState.RUNNING),
        operations=(figures,),
    )


def overview(second: float, waiting: int = 0, answered: int = 0, *workers: WorkerReport) -> Overview:
    return Overview(
        taken_at=NOW + timedelta(seconds=second),
        health=Health.WELL,
        reasons=(),
        paused=False,
        ordered_pipeline=None,
        queue=(row(Stage.CREATE_BATCHES, waiting, answered), row(Stage.PROCESS_RESULTS, 0, answered)),
        workers=workers,
    )


def charts(trend: Trend, second: float) -> dict[str, TrendChart]:
    return {chart.title: chart for chart in trend.course(NOW + timedelta(seconds=second)).charts}


def line(trend: Trend, second: float, chart: str, name: str) -> TrendLine:
    return next(one for one in charts(trend, second)[chart].lines if one.name == name)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_the_curve_stays_in_its_box(lengths: list[int]) -> None:
    trend = Trend()
    for second, length in enumerate(lengths):
        trend.add(overview(second, length), NOBODY)
    (piece,) = line(trend, len(lengths), "Queue", "waiting").pieces
    points = [tuple(map(float, point.split(","))) for point in piece.split()]

    assert len(points) == len(lengths)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


@given(st.floats(0, 1e12))
def test_an_axis_ends_at_a_round_number_that_nothing_exceeds(most: float) -> None:
    top = axis_top(most)

    assert most <= top
    assert top == 2 or top / 2.5 <= most
    assert f"{top:.0e}"[0] in "124"


def test_a_curve_breaks_where_the_database_did_not_answer() -> None:
    trend = Trend()
    for second in (0, 2, 6, 8):
        if second == 6:
            trend.miss(NOW + timedelta(seconds=4), NOBODY)
        trend.add(overview(second, 5), NOBODY)

    assert [len(piece.split()) for piece in line(trend, 8, "Queue", "waiting").pieces] == [2, 2]


def test_throughput_is_what_was_taken_in_and_answered_a_second() -> None:
    trend = Trend()
    for second, waiting, answered in ((0, 100, 50), (2, 120, 90), (4, 120, 90)):
        trend.add(overview(second, waiting, answered), NOBODY)
    taken, answered = charts(trend, 4)["Throughput"].lines

    assert (taken.latest, answered.latest) == (0, 0)
    assert charts(trend, 4)["Throughput"].top == 40  # 60 more in 2 s were taken in: 30 a second
    assert [float(point.split(",")[1]) for point in answered.pieces[0].split()] == [60.0, 120.0]


def test_errors_are_those_of_the_last_minute_and_a_worker_that_began_anew_takes_none_back() -> None:
    trend = Trend()
    counted = ((0, worker(7)), (10, worker(9)), (20, worker(1, "new")), (50, worker(2, "new")))
    for second, one in counted:
        trend.add(overview(second, 0, 0, one), NOBODY)
    in_time = line(trend, 50, "Errors", "stage errors").latest
    trend.add(overview(75, 0, 0, worker(2, "new")), NOBODY)

    assert in_time == 4  # two more, one of a new worker, one more
    assert line(trend, 75, "Errors", "stage errors").latest == 1


def test_latency_and_answers_with_5xx_are_those_since_the_last_sample() -> None:
    telemetry, trend = Telemetry(), Trend()
    for number in range(1, 101):
        telemetry.request("GET", "/v1/statistics", 200, number / 1000)
    telemetry.request("POST", "/v1/sessions", 503, 0.001)
    telemetry.request("GET", "/ready", 503, 9.0)
    served = telemetry.served()
    trend.add(overview(0), telemetry.served())
    trend.add(overview(2), served)
    latency = charts(trend, 2)["Latency of /v1, this server"].lines

    assert [round(one.latest or 0) for one in latency] == [50, 95]
    assert served.failures == ("503 POST /v1/sessions, 1 times",)
    assert line(trend, 2, "Errors", "5xx of this server").latest == 1
    assert telemetry.served() == NOBODY


def test_only_ten_minutes_are_shown_the_present_at_the_right() -> None:
    trend = Trend()
    for second in range(0, 1_200, 10):
        trend.add(overview(second, second), NOBODY)
    (piece,) = line(trend, 1_190, "Queue", "waiting").pieces
    places = [float(point.split(",")[0]) for point in piece.split()]

    assert (places[0], places[-1]) == (0, WIDTH)
    assert all(before < after for before, after in pairwise(places))
