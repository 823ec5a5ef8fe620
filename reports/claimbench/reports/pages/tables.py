"""The tables of a report, as text in cells; every renderer draws these in its own way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from claimbench.reports.record.run import ClaimResult, Metric, ResultRecord
from claimbench.reports.record.values import Scalar
from claimbench.reports.wording import count_text, metric_title, reduction_text, stage_title, value_text
from claimbench.scenarios.metrics import CATALOGUE, RUN, definition


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns, and rows of as many cells.

    The first `words` columns hold words and stand left; the others hold numbers and stand right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


SIGNS = {"holds": "✓", "exceeded": "✓+", "refuted": "✗", "inconclusive": "?"}
"""A sign beside each verdict's word, so that nothing hangs on colour."""

_HEADLINES = {
    "holds": "Every claim holds or is exceeded",
    "refuted": "At least one claim is refuted",
    "inconclusive": "Not every claim could be decided",
    "not_equivalent": "The arms do not do the same work",
    "invalid": "The measurement is invalid",
}


def headline(record: ResultRecord) -> str:
    """The overall verdict in a sentence."""
    judged = record.claims or record.verdict.value != "holds"
    return _HEADLINES[record.verdict.value] if judged else "Nothing was claimed"


def verdicts(record: ResultRecord) -> Table:
    """A row per claim."""
    rows = tuple(
        (
            claim.id,
            f"{SIGNS[claim.verdict]} {claim.verdict}",
            claim.claimed,
            claim.measured_text,
            sizes_text(claim),
            claim.reason,
        )
        for claim in record.claims
    )
    columns = ("Claim", "Verdict", "Claimed", "Measured", "By companies", "Why")
    return Table("Verdicts", columns, rows, words=6)


def sizes_text(claim: ClaimResult) -> str:
    """For which numbers of companies the claim has which verdict: `holds at 10, 50; refuted at 200`."""
    grouped: dict[str, list[str]] = {}
    for each in claim.by_companies:
        grouped.setdefault(each.verdict, []).append(count_text(each.companies))
    return "; ".join(f"{verdict} at {', '.join(sizes)}" for verdict, sizes in grouped.items()) or "–"


def scaling(record: ResultRecord) -> Table:
    """What grows in a whole run, a column per number of companies; memory if it was taken at several."""
    wanted = [m for m in record.metrics if m.metric in {"round_trips", "statements"} and m.stage == RUN]
    memory = [m for m in record.metrics if m.metric == "peak_memory" and m.stage == RUN]
    wanted += memory if len(memory) > 1 else []
    sizes = sorted({metric.companies for metric in wanted})
    rows = []
    for name in dict.fromkeys(metric.metric for metric in wanted):
        by_size = {metric.companies: metric for metric in wanted if metric.metric == name}
        for arm in record.arms:
            counts = [_value(by_size.get(size), arm.name) for size in sizes]
            rows.append((metric_title(name), arm.name, *counts))
        reductions = [reduction_text(by_size[size]) if size in by_size else "–" for size in sizes]
        rows.append((metric_title(name), "reduction", *reductions))
    heads = tuple(f"{count_text(size)} companies" for size in sizes)
    return Table("Per scheduler run, by number of companies", ("Metric", "Arm", *heads), tuple(rows), words=2)


def metrics(record: ResultRecord, companies: Iterable[int]) -> Table:
    """A row per metric, stage and round-trip time at these numbers of companies."""
    wanted = frozenset(companies)
    found = [metric for metric in record.metrics if metric.companies in wanted]
    arms = tuple(arm.name for arm in record.arms)
    rows = tuple(
        (
            metric_title(metric.metric),
            stage_title(metric.stage),
            count_text(metric.companies),
            f"{metric.rtt_ms:g}",
            *(_value(metric, arm) for arm in arms),
            reduction_text(metric),
            str(metric.blocks),
        )
        for metric in found
    )
    columns = ("Metric", "Stage", "Companies", "Round trip, ms", *arms, "Reduction", "Blocks")
    return Table("Metrics, per scheduler run", columns, rows, words=2)


def provenance(record: ResultRecord) -> Table:
    """Where the numbers of each metric came from: how many samples, of which blocks and sizes."""
    names = dict.fromkeys(metric.metric for metric in record.metrics)
    rows = []
    for name in names:
        found = [metric for metric in record.metrics if metric.metric == name]
        samples = [sample for sample in record.samples if sample.metric == name]
        known = definition(name)
        rows.append(
            (
                metric_title(name),
                known.description if known else "not in the catalogue",
                "exact count" if known and known.tier == "counter" else "interval",
                count_text(len(samples)),
                _listed(metric.blocks for metric in found),
                _listed(metric.companies for metric in found),
                _listed(metric.rtt_ms for metric in found),
            )
        )
    columns = ("Metric", "What it is", "Kind", "Samples", "Blocks", "Companies", "Round trips, ms")
    return Table("Where the numbers come from", columns, tuple(rows), words=3)


def not_measured(record: ResultRecord) -> tuple[str, ...]:
    """Titles of the catalogue's metrics that this run has no number for."""
    measured = {metric.metric for metric in record.metrics}
    return tuple(metric.title for metric in CATALOGUE if metric.name not in measured)


def facts(title: str, values: Mapping[str, Scalar]) -> Table:
    """Names and values, such as the environment."""
    rows = tuple((name, _scalar(value)) for name, value in values.items())
    return Table(title, ("Name", "Value"), rows, words=2)


def arms(record: ResultRecord) -> Table:
    """The two arms."""
    rows = tuple((arm.name, arm.role, arm.pipeline, arm.indexes) for arm in record.arms)
    return Table("Arms", ("Arm", "Role", "Pipeline", "The document's indexes"), rows, words=4)


def _value(metric: Metric | None, arm: str) -> str:
    if metric is None or arm not in metric.values:
        return "–"
    return value_text(metric.values[arm], metric.unit)


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in sorted(set(values)))


def _scalar(value: Scalar) -> str:
    if value is None:
        return "not known"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
