"""The page of a load run: thresholds first, limitations before the numbers, then everything else."""

from collections.abc import Iterator

from claimbench.reports.judge.littles_law import littles_law
from claimbench.reports.pages import load_tables as tables
from claimbench.reports.pages.page import (
    Banner,
    Block,
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
)
from claimbench.reports.pages.run import again, equivalence_sections, limitations
from claimbench.reports.pages.run_tables import facts
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.record.store import LOAD
from claimbench.reports.record.values import VerdictValue

_HEADLINES = {
    "pass": "Every threshold holds",
    "fail": "A threshold is broken",
    "inconclusive": "Not every threshold could be decided",
    "invalid": "The measurement is invalid",
    "not_equivalent": "The arms do not do the same work",
}


def load_page(record: LoadRecord, charts: tuple[Chart, ...] = ()) -> Page:
    """All that a load run found."""
    verdict, asked = record.verdict, record.asked
    thresholds = tuple(ShownFinding.of(each) for each in record.thresholds)
    return Page(
        kind="load",
        name=asked.name,
        title=asked.title,
        version=record.claimbench,
        started_at=record.started_at,
        sha256=asked.sha256,
        schema=record.schema_,
        banner=Banner(verdict.value, _HEADLINES[verdict.value], verdict.reason, verdict.exit_code),
        sections=tuple(_sections(record, thresholds, charts)),
        cases=(fit_generator(tuple(p for block in record.blocks for p in block.problems)), *thresholds),
    )


def fit_generator(problems: tuple[str, ...]) -> ShownFinding:
    """Whether the generator could measure, as a case of its own."""
    value = VerdictValue.INVALID if problems else VerdictValue.HOLDS
    return ShownFinding("the generator was fit to measure", "", value, reason="; ".join(problems))


def _sections(
    record: LoadRecord, thresholds: tuple[ShownFinding, ...], charts: tuple[Chart, ...]
) -> Iterator[Section]:
    yield _thresholds(record, thresholds)
    yield limitations(record.limitations)
    if charts:
        yield Section("charts", "Charts", charts)
    intended = (
        "A response time counts from the moment a request was meant to be sent, so a stalled service is seen "
        "by everyone who waits for it. The service time counts from the moment it was sent."
    )
    if rows := _filled(tables.latencies(record)):
        laws = tuple(littles_law(block.generated) for block in record.blocks)
        checked = f"{max(laws, key=lambda law: law.off_share)}, the worst of {len(laws)}." if laws else ""
        yield Section("times", "Times", (Paragraph((intended,)), *rows, Paragraph((checked,))), Weight.BRIEF)
    if rows := _filled(tables.capacities(record)):
        kept = Paragraph((f"The highest rate that keeps: {record.asked.objective}.",))
        yield Section("capacity", "Capacity", (kept, *rows), Weight.BRIEF)
    if rows := _filled(tables.operations(record), tables.ratios(record), tables.curve(record)):
        yield Section("details", "Operations, ratios and rates", rows)
    yield _validity(record)
    if record.equivalence:
        yield from equivalence_sections(record.equivalence)
    about = [facts("Machine, server and libraries", record.environment)]
    about += [facts("Dataset", record.dataset)] if record.dataset else []
    yield Section("environment", "Environment", tuple(about))
    yield Section("again", "Reproduce", tuple(_again(record)))


def _filled(*found: PageTable) -> tuple[PageTable, ...]:
    return tuple(table for table in found if table.rows)


def _thresholds(record: LoadRecord, checks: tuple[ShownFinding, ...]) -> Section:
    asked = record.asked
    blocks = f"{asked.blocks} {'block' if asked.blocks == 1 else 'blocks'}"
    each = ", each arm once in each, with the same arrivals" if len(record.arms) > 1 else ""
    way = (
        f"; a round trip of {asked.rtt_ms:g} ms between the service and its database"
        if asked.rtt_ms is not None
        else ""
    )
    told = f"{asked.arrivals[:1].upper()}{asked.arrivals[1:]}; {blocks}{each}{way}."
    found: Block = Findings("Thresholds", checks, "Metric", "Threshold")
    if not checks:
        found = Paragraph(("The scenario sets no threshold.",))
    targets = _filled(tables.targets(record))
    return Section("thresholds", "Thresholds", (Paragraph((told,)), *targets, found), Weight.BRIEF)


def _validity(record: LoadRecord) -> Section:
    told = (
        "A generator that is short of processor time, loses a process, runs behind its schedule or drops "
        "arrivals measures itself; such a run is invalid, whatever its numbers say. Its books are checked by "
        "Little's law: the mean number in flight is the throughput times the mean response time."
    )
    checks = tuple(
        ShownFinding(f"block {block.block}, {block.arm}", "", VerdictValue.INVALID, reason=problem)
        for block in record.blocks
        for problem in block.problems
    )
    blocks: list[Block] = [Paragraph((told,))]
    blocks += [Findings("Blocks that measured the generator", checks, "Block", "")] if checks else []
    blocks += _filled(tables.blocks(record), tables.failures(record))
    return Section("validity", "Validity", tuple(blocks))


def _again(record: LoadRecord) -> Iterator[Block]:
    asked, method = record.asked, record.method
    processes = f"{asked.processes} generator {'process' if asked.processes == 1 else 'processes'}"
    interval = f"Ratios: {method.estimate}; {tables.ends_of_ratios(record)}."
    lines = (
        ("Scenario ", Code(asked.name), ", SHA-256 ", Code(asked.sha256)),
        (f"Seed {asked.seed}, {processes}",),
        (interval,),
        (
            *(
                "Everything here is drawn from ",
                Code(LOAD.file),
                " beside this page, which holds every histogram ",
            ),
            "in HdrHistogram's own form",
        ),
    )
    yield from again(record.command, Bullets(lines), asked.why)
