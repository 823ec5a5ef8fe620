"""The page of many runs: how each arm's numbers developed, run by run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from claimbench.reports.pages.page import Chart, Page, PageTable, Paragraph, Section, ShownFinding, columns
from claimbench.reports.record.run import Metric, ResultRecord
from claimbench.reports.wording import metric_title, value_text
from claimbench.scenarios.metrics import RUN

SHOWN = ("round_trips", "statements", "row_bytes", "api_calls", "time", "peak_memory")


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """One metric of a scenario's whole run at its own size, in every run that measured it, oldest first."""

    name: str
    scenario: str
    metric: str
    arms: tuple[str, ...]
    points: tuple["Point", ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One run's value."""

    record: ResultRecord
    metric: Metric

    @property
    def revision(self) -> str:
        """The commit, shortened; empty when it is not known."""
        return str(self.record.environment.get("git_revision") or "")[:10]


def histories(records: Sequence[ResultRecord]) -> tuple[MetricHistory, ...]:
    """A history for each scenario and metric that was measured."""
    return tuple(_histories(records))


def _histories(records: Sequence[ResultRecord]) -> Iterator[MetricHistory]:
    for number, scenario in enumerate(_scenarios(records), start=1):
        for name in SHOWN:
            points = tuple(
                Point(record, found)
                for record in records
                if record.scenario.name == scenario and (found := _own(record, name))
            )
            if points:
                arms = tuple(dict.fromkeys(arm.name for point in points for arm in point.record.arms))
                yield MetricHistory(f"trend-{number}-{name.replace('_', '-')}", scenario, name, arms, points)


def _own(record: ResultRecord, name: str) -> Metric | None:
    asked = record.scenario
    wanted = (name, RUN, asked.size, asked.judged_rtt_ms if name == "time" else 0.0)
    return next((m for m in record.metrics if (m.metric, m.stage, m.size, m.rtt_ms) == wanted), None)


def _scenarios(records: Sequence[ResultRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.scenario.name for each in records))


def trend_page(records: Sequence[ResultRecord], charts: tuple[Chart, ...], version: str) -> Page:
    """A section for each scenario; for each metric its chart, if it was drawn, and a row for each run."""
    cases = tuple(
        ShownFinding(
            each.started_at,
            each.scenario.name,
            each.verdict.value,
            reason=each.verdict.reason,
            group=each.scenario.name,
        )
        for each in records
    )
    sections = tuple(
        Section(f"scenario-{number}", scenario, tuple(_blocks(records, scenario, charts)))
        for number, scenario in enumerate(_scenarios(records), start=1)
    )
    return Page(kind="trend", name="all runs", title="Trend", version=version, sections=sections, cases=cases)


def _blocks(
    records: Sequence[ResultRecord], scenario: str, charts: tuple[Chart, ...]
) -> Iterator[Paragraph | Chart | PageTable]:
    if len({each.scenario.sha256 for each in records if each.scenario.name == scenario}) > 1:
        yield Paragraph(("The scenario was edited between these runs: steps may come from that.",))
    for history in histories(records):
        if history.scenario == scenario:
            yield from (chart for chart in charts if chart.name == history.name)
            yield _table(history)


def _table(history: MetricHistory) -> PageTable:
    rows = tuple(
        (
            point.record.started_at,
            point.revision,
            point.record.verdict.value,
            *(
                value_text(point.metric.values[arm], point.metric.unit) if arm in point.metric.values else "–"
                for arm in history.arms
            ),
        )
        for point in history.points
    )
    return PageTable(
        metric_title(history.metric), columns(("Started", "Revision", "Verdict"), history.arms), rows
    )
