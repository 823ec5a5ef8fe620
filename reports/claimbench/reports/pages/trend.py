"""A folder of results as one page: how each arm's numbers developed, run by run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from claimbench.errors import NothingToCompareError
from claimbench.reports.record import store
from claimbench.reports.record.run import Metric, ResultRecord
from claimbench.reports.wording import metric_title, value_text
from claimbench.scenarios.metrics import RUN

SHOWN = ("round_trips", "statements", "row_bytes", "api_calls", "time", "peak_memory")
WIDTH, HEIGHT, MARGIN = 640, 150, 12


@dataclass(frozen=True, slots=True)
class Point:
    """One run: when, of what, with which verdict."""

    record: ResultRecord

    @property
    def revision(self) -> str:
        """The commit, shortened; empty when it is not known."""
        return str(self.record.environment.get("git_revision") or "")[:10]

    def metric(self, name: str) -> Metric | None:
        """The whole run's metric at the scenario's own size."""
        scenario = self.record.scenario
        rtt_ms = scenario.judged_rtt_ms if name == "time" else 0.0
        wanted = (name, RUN, scenario.companies, rtt_ms)
        found = self.record.metrics
        return next((m for m in found if (m.metric, m.stage, m.companies, m.rtt_ms) == wanted), None)


def points_of(folder: Path) -> tuple[Point, ...]:
    """Every results.json in the folder and below, oldest first.

    Raises `NothingToCompareError` (exit 4) when there is none, and what `read` raises for a bad one.
    """
    files = sorted(folder.rglob(store.RUN.file))
    if not files:
        raise NothingToCompareError(
            f"there is no {store.RUN.file} below it",
            where=str(folder),
            remedy="name the folder that holds the runs",
        )
    return tuple(
        sorted(
            (Point(store.read(store.RUN, file)) for file in files), key=lambda each: each.record.started_at
        )
    )


def render(points: Sequence[Point], version: str) -> str:
    """A self-contained page: a chart and a table for each scenario and metric."""
    body = "\n".join(_scenarios(points))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>claimbench: trend</title>'
        f"<style>{_STYLE}</style></head><body><h1>Trend</h1>\n{body}\n"
        f"<footer>claimbench {escape(version)}</footer></body></html>\n"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #8884}"
    "svg{width:100%;height:auto;border:1px solid #8884}path{fill:none;stroke-width:2}"
    ".a0{stroke:#0072b2;fill:#0072b2}.a1{stroke:#d55e00;fill:#d55e00}path.a0,path.a1{fill:none}"
)


def _scenarios(points: Sequence[Point]) -> Iterator[str]:
    for name in dict.fromkeys(each.record.scenario.name for each in points):
        of_scenario = [each for each in points if each.record.scenario.name == name]
        yield f"<h2>{escape(name)}</h2>"
        if len({each.record.scenario.sha256 for each in of_scenario}) > 1:
            yield "<p>The scenario was edited between these runs: steps may come from that.</p>"
        for metric in SHOWN:
            measured = [each for each in of_scenario if each.metric(metric)]
            if measured:
                yield _section(metric, measured)


def _section(name: str, points: Sequence[Point]) -> str:
    arms = list(dict.fromkeys(arm.name for point in points for arm in point.record.arms))
    rows = "".join(_row(name, point, arms) for point in points)
    heads = "".join(f"<th>{escape(arm)}</th>" for arm in arms)
    return (
        f"<h3>{escape(metric_title(name))}</h3>{_chart(name, points, arms)}"
        f"<table><tr><th>Started</th><th>Revision</th>{heads}<th>Verdict</th></tr>{rows}</table>"
    )


def _row(name: str, point: Point, arms: Sequence[str]) -> str:
    metric = point.metric(name)
    values = metric.values if metric else {}
    cells = "".join(
        f"<td>{escape(value_text(values[arm], metric.unit)) if metric and arm in values else '–'}</td>"
        for arm in arms
    )
    record = point.record
    return (
        f"<tr><td>{escape(record.started_at)}</td><td>{escape(point.revision)}</td>{cells}"
        f"<td>{escape(record.verdict.value)}</td></tr>"
    )


def _chart(name: str, points: Sequence[Point], arms: Sequence[str]) -> str:
    """A line for each arm, from zero, so that a small step does not look like a large one."""
    found = [point.metric(name) for point in points]
    values = [metric.values for metric in found if metric]
    top = max((value for each in values for value in each.values()), default=0.0) or 1.0
    lines = "".join(
        _line([each.get(arm) for each in values], top, f"a{position % 2}")
        for position, arm in enumerate(arms)
    )
    title = escape(f"{metric_title(name)}: {', '.join(arms)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{lines}</svg>'


def _line(values: Sequence[float | None], top: float, style: str) -> str:
    step = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)
    places = [
        f"{MARGIN + index * step:.1f},{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / top:.1f}"
        for index, value in enumerate(values)
        if value is not None
    ]
    dots = "".join(
        f'<circle class="{style}" cx="{place.split(",")[0]}" cy="{place.split(",")[1]}" r="3"/>'
        for place in places
    )
    return f'<path class="{style}" d="M{" L".join(places)}"/>{dots}' if places else ""
