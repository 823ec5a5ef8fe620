"""The page of a soak: what grew, failed or got lost, how long was waited, and how it went over time."""

from collections.abc import Iterator

from claimbench.reports.judge.littles_law import littles_law
from claimbench.reports.pages.load import fit_generator
from claimbench.reports.pages.page import (
    Banner,
    Bullets,
    Chart,
    Code,
    Findings,
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
from claimbench.reports.record.soak import SoakRecord
from claimbench.reports.record.store import SOAK

_HEADLINES = {
    "pass": "The service bears the load",
    "fail": "The service does not bear the load",
    "invalid": "The generator was not fit to measure",
    "lost": "Work was lost, doubled or done wrong",
}


def soak_page(record: SoakRecord, charts: tuple[Chart, ...] = ()) -> Page:
    """All that a soak found."""
    verdict, asked = record.verdict, record.soaked.asked
    checks = tuple(ShownFinding.of(each) for each in record.findings)
    return Page(
        kind="soak",
        name=asked.name,
        title=f"Soak of {asked.pipeline}",
        version=record.claimbench,
        started_at=record.started_at,
        sha256=asked.sha256,
        schema=record.schema_,
        banner=Banner(verdict.value, _HEADLINES[verdict.value], verdict.reason, verdict.exit_code),
        sections=tuple(_sections(record, checks, charts)),
        cases=(fit_generator(record.soaked.problems), *checks),
    )


def _sections(
    record: SoakRecord, checks: tuple[ShownFinding, ...], charts: tuple[Chart, ...]
) -> Iterator[Section]:
    asked, restart = Paragraph((_asked(record),)), record.soaked.restart
    found = Findings("Findings", checks, "What", "Allowed")
    yield Section("findings", "Findings", (asked, found), Weight.BRIEF)
    if kept := record.soaked.kept.violations:
        yield Section("violations", "Violated invariants", (Bullets(tuple((each,) for each in kept)),))
    checked = Paragraph((f"{littles_law(record.soaked.generated)}.",))
    yield Section("waits", "Waiting times", (waits(record), checked), Weight.BRIEF)
    if charts:
        yield Section("charts", "Charts", charts)
    if record.soaked.samples:
        stored = "never" if restart.stored_at_s is None else f"after {restart.stored_at_s:.0f} s"
        told = (
            f"The database was told to restart after {restart.at_s:.0f} s, answered again after "
            f"{restart.answered_at_s:.0f} s, and the first result was stored again {stored}."
        )
        yield Section("time", "Over time", (Paragraph((told,)), over_time(record)))
    yield Section("environment", "Environment", (facts("Machine, server and libraries", record.environment),))
    scenario = record.soaked.asked
    lines = (
        ("Scenario ", Code(scenario.name), ", SHA-256 ", Code(scenario.sha256)),
        ("Everything here is drawn from ", Code(SOAK.file), " beside this page"),
    )
    yield Section("again", "Reproduce", tuple(again(record.command, Bullets(lines), "")))


def _asked(record: SoakRecord) -> str:
    asked = record.soaked.asked
    capacity = asked.capacity_per_s
    share = "" if capacity is None else f", {asked.share:.0%} of the capacity of {capacity:.3g}"
    faults = f"{len(asked.faults)} kinds of faults" if asked.faults else "no faults"
    return (
        f"{asked.rate_per_s:.3g} arrivals a second for {asked.duration_s / 60:.3g} min{share}; {faults}; "
        f"the database restarted after {record.soaked.restart.at_s:.0f} s"
    )


def waits(record: SoakRecord) -> PageTable:
    """How long clients and submitted requests waited."""
    soaked = record.soaked
    pairs = (("response", soaked.generated.total.response), ("end to end", soaked.end_to_end))
    rows = tuple(
        (
            name,
            f"{each.count:,}",
            *(f"{ms:,.1f}" for ms in (each.p50_ms, each.p95_ms, each.p99_ms, each.max_ms)),
        )
        for name, each in pairs
    )
    return PageTable(
        "Waiting times, milliseconds", columns(("Time",), ("Count", "p50", "p95", "p99", "max")), rows
    )


def over_time(record: SoakRecord) -> PageTable:
    """Sixteen looks, evenly spread."""
    samples = record.soaked.samples
    rows = tuple(
        (
            f"{sample.at_s:.0f}",
            f"{sample.memory_bytes / 1e6:,.0f}",
            *(
                "away" if value is None else f"{value:,}"
                for value in (sample.connections, sample.locks, sample.pending, sample.unfinished)
            ),
        )
        for sample in samples[:: max(1, len(samples) // 16)]
    )
    heads = ("Second", "Memory (MB)", "Connections", "Locks", "Waiting", "Without a result")
    return PageTable("Over time", columns((), heads), rows)
