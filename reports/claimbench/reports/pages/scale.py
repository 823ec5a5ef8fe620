"""The page of a scale report: points, growth, from where on claims hold, and how near the limit is."""

from collections.abc import Iterator, Sequence

from claimbench.reports.judge.goals import Goal, goals, in_the_way
from claimbench.reports.judge.scale import (
    MEASURES,
    ClaimBySize,
    Growth,
    claims_by_size,
    efficiencies,
    growth,
)
from claimbench.reports.pages.page import (
    Banner,
    Block,
    Bullets,
    Chart,
    Code,
    Page,
    PageTable,
    Paragraph,
    Section,
    ShownFinding,
    Weight,
    columns,
)
from claimbench.reports.pages.run import again
from claimbench.reports.pages.run_tables import facts
from claimbench.reports.pages.scale_studies import study_sections
from claimbench.reports.record.scale import ScaleRecord
from claimbench.reports.record.store import SCALE
from claimbench.reports.wording import percent_text, stage_title, value_text

_HEADLINES = {
    "pass": "Every turn did the same work",
    "not_equivalent": "The arms do not do the same work",
    "inconclusive": "Not everything could be measured",
    "invalid": "Nothing was measured",
}
NAMES = {
    "round_trips": "Round trips",
    "rows": "Rows",
    "row_bytes": "Bytes of rows received",
    "seconds": "Time",
    "peak_memory_bytes": "Peak memory above start",
    "statements": "Statements",
}
UNITS = {"seconds": "s", "row_bytes": "B", "peak_memory_bytes": "B"}


def scale_page(record: ScaleRecord, charts: tuple[Chart, ...] = ()) -> Page:
    """All that a scale report found."""
    verdict = record.verdict
    return Page(
        kind="scale",
        name=record.scenario,
        title=f"Scale of {' and '.join(record.arms)}",
        version=record.claimbench,
        started_at=record.started_at,
        sha256=record.sha256,
        schema=record.schema_,
        banner=Banner(verdict.value, _HEADLINES[verdict.value], verdict.reason, verdict.exit_code),
        sections=tuple(_sections(record, {chart.name: chart for chart in charts})),
        cases=(
            ShownFinding(
                subject="same work",
                rule="every turn at a size leaves the same rows",
                value=verdict.value,
                measured=verdict.reason,
                reason="",
            ),
        ),
    )


def _sections(record: ScaleRecord, charts: dict[str, Chart]) -> Iterator[Section]:
    told = Paragraph(
        (
            "A whole run of the four stages in a fresh process, the fake API outside in another one, or, ",
            "where its own time would hide the arm's, one that costs nothing and answers between stages. ",
            "Memory is the peak above the start. All companies of a size are alike.",
        )
    )
    drawn = [charts[name] for name in ("scale-points", "scale-memory") if name in charts]
    if record.points:
        profile = Bullets(tuple((line,) for line in in_the_way(record)))
        yield Section("goals", "Goals", (goals_table(goals(record)), profile))
    yield Section("points", "Sizes", (told, *_interrupted(record), points(record), *drawn), Weight.BRIEF)
    if record.points:
        yield Section("growth", "What grows how", (exponents(record),))
    if record.points and record.claims and (by_size := claims_by_size(record)):
        yield Section("claims", "From which size on a claim holds", (claims(by_size),), Weight.BRIEF)
    if found := limit(record):
        yield Section("limit", "The limit", found, Weight.BRIEF)
    yield from study_sections(record, charts)
    if record.failures:
        failed = tuple((f"{each.what}: {each.reason}",) for each in record.failures)
        yield Section("failures", "What failed", (Bullets(failed),), Weight.BRIEF)
    yield Section("environment", "Environment", (facts("Machine, server and libraries", record.environment),))
    lines = (
        ("Scenario ", Code(record.scenario), ", SHA-256 ", Code(record.sha256)),
        ("Everything here is drawn from ", Code(SCALE.file), " beside this page"),
    )
    yield Section("again", "Reproduce", tuple(again(record.command, Bullets(lines), "")))


def _interrupted(record: ScaleRecord) -> Iterator[Block]:
    if record.interrupted:
        yield Paragraph(("Interrupted: this is what was measured until then.",))


def goals_table(found: Sequence[Goal]) -> PageTable:
    """A line for each goal: measured, goal, ratio; above 1 it is reached."""
    rows = tuple(
        (
            each.name,
            each.measured,
            each.goal,
            "–" if each.ratio is None else f"{each.ratio:.2f}",
            {True: "yes", False: "no", None: "–"}[each.reached],
        )
        for each in found
    )
    heads = (*columns(("What", "Measured", "Goal"), ("Ratio",)), *columns(("Reached",), ()))
    return PageTable("Goals", heads, rows)


def points(record: ScaleRecord) -> PageTable:
    """A row for each arm at each size."""
    rows = tuple(
        (
            f"{point.requests:,}",
            f"{point.size:,}",
            point.arm,
            value_text(point.seconds, "s"),
            f"{point.requests / point.seconds:,.0f}" if point.seconds else "–",
            value_text(point.peak_memory_bytes, "B"),
            f"{point.round_trips:,}",
            "continued" if point.extrapolated else "measured",
            "outside" if point.service == "fake" else "costs nothing",
        )
        for point in record.points
    )
    heads = (
        *columns((), ("Requests", "Companies")),
        *columns(("Arm",), ("Time", "Requests/s", "Peak memory", "Round trips")),
        *columns(("How", "API"), ()),
    )
    return PageTable("Sizes", heads, rows)


def exponents(record: ScaleRecord) -> PageTable:
    """The power with which each measure grows: 0 does not grow, 1 is in proportion."""
    found = growth(record)
    rows = tuple(
        (
            NAMES[measure],
            *(
                _exponent(next(g for g in found if (g.arm, g.measure) == (arm, measure)))
                for arm in record.arms
            ),
        )
        for measure in MEASURES
    )
    by = "companies" if any(each.by == "size" for each in found) else "requests"
    title = f"Exponents over {by}: 0 does not grow, 1 grows in proportion; with their 95 % interval"
    return PageTable(title, columns(("Measure",), record.arms), rows)


def _exponent(found: Growth) -> str:
    each = found.exponent
    if each is None:
        return "–"
    value, low, high = (f"{round(end, 2) + 0.0:.2f}" for end in (each.value, each.ci_low, each.ci_high))
    return f"{value} (of {found.points} sizes)" if low == high else f"{value} [{low}, {high}]"


def claims(by_size: tuple[ClaimBySize, ...]) -> PageTable:
    """Each claim, what was measured at each size, and from which size on it holds."""
    sizes = sorted({(at.requests, at.size) for each in by_size for at in each.at})
    rows = tuple(
        (
            f"{NAMES[each.claim.measure]}: {each.claim.low:g}–{each.claim.high:g} % less",
            "not at the largest" if each.holds_from is None else f"from {each.holds_from:,} requests on",
            *_reductions(each, sizes),
        )
        for each in by_size
        if each.at
    )
    heads = columns(("Claim", "Holds"), tuple(f"{size:,} × {requests // size:,}" for requests, size in sizes))
    return PageTable("From which size on a claim holds", heads, rows)


def _reductions(found: ClaimBySize, sizes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """A cell for each size; a dash where the measure was not taken."""
    known = {(at.requests, at.size): at for at in found.at}
    for size in sizes:
        at = known.get(size)
        told = "–" if at is None else percent_text(at.reduction)
        yield f"{told} (continued)" if at is not None and at.extrapolated else told


def limit(record: ScaleRecord) -> tuple[Block, ...]:
    """How near each step comes to the fewest set-based statements on the same rows, the API taken out."""
    found = efficiencies(record)
    if not found:
        return ()
    rows = tuple(
        (
            f"{each.requests:,}",
            f"{each.size:,}",
            each.arm,
            stage_title(each.step),
            value_text(each.limit_s, "s"),
            value_text(each.seconds, "s"),
            f"{each.by_wall:.2f}",
            "–" if each.by_cpu is None else f"{each.by_cpu:.2f}",
            str(each.blocks),
        )
        for each in found
    )
    heads = (
        *columns((), ("Requests", "Companies")),
        *columns(("Arm", "Stage"), ("Limit", "Arm's time", "Efficiency", "By CPU", "Blocks")),
    )
    told = Paragraph(
        (
            "The limit makes the same transitions of the same rows with the fewest set-based statements and ",
            "the unavoidable JSON: one connection, a transaction a stage, no chunk, lease, guard or check. ",
            "Both work over an API that costs nothing: what it answers is written between the stages. ",
            "Efficiency is limit / arm, of medians; by CPU it is that of the arm's process and the server.",
        )
    )
    return (told, PageTable("Efficiency", heads, rows))
