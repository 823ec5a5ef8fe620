"""The page of a run: verdicts first, limitations before the numbers, then everything else."""

from collections.abc import Iterator

from claimbench.reports.pages import run_first as first
from claimbench.reports.pages import run_tables as tables
from claimbench.reports.pages.page import (
    AtSize,
    Banner,
    Block,
    Bullets,
    Chart,
    Code,
    Findings,
    Fold,
    Page,
    Paragraph,
    Section,
    ShownFinding,
    Weight,
)
from claimbench.reports.record.run import ClaimResult, ResultRecord
from claimbench.reports.record.store import RUN
from claimbench.reports.record.values import Equivalence, VerdictValue, Words
from claimbench.reports.wording import count_text

_HEADLINES = {
    "holds": "Every claim holds or is exceeded",
    "refuted": "The work is the same, and {refuted} of {all} published claims {are} refuted",
    "inconclusive": "Not every claim could be decided",
    "not_equivalent": "The arms do not do the same work",
    "invalid": "The measurement is invalid",
}
_FIRST_DIFFERENCES = 5


def run_page(record: ResultRecord, charts: tuple[Chart, ...] = ()) -> Page:
    """All that a run found."""
    verdict, claims = record.verdict, tuple(_check(claim) for claim in record.claims)
    judged = record.claims or verdict.value != "holds"
    refuted = sum(claim.verdict == VerdictValue.REFUTED for claim in record.claims)
    told = _HEADLINES[verdict.value] if judged else "Nothing was claimed"
    headline = told.format(refuted=refuted, all=len(claims), are="is" if refuted == 1 else "are")
    return Page(
        kind="run",
        name=record.scenario.name,
        title=record.scenario.title,
        version=record.claimbench,
        started_at=record.started_at,
        sha256=record.scenario.sha256,
        schema=record.schema_,
        banner=Banner(verdict.value, headline, verdict.reason, verdict.exit_code),
        sections=tuple(_sections(record, claims, charts)),
        cases=(same_work(record.equivalence), *claims),
    )


def _sections(
    record: ResultRecord, claims: tuple[ShownFinding, ...], charts: tuple[Chart, ...]
) -> Iterator[Section]:
    if record.metrics and not record.invalid:
        yield first.glance(record)
    yield first.words(record)
    yield _verdicts(record, claims)
    yield limitations(record.limitations)
    if charts:
        yield Section("charts", "Charts", (*charts, tables.scaling(record)))
    elif record.metrics:
        yield Section("charts", f"By number of {record.words.size}", (tables.scaling(record),))
    if record.metrics:
        yield _metrics(record)
    yield from equivalence_sections(record.equivalence)
    yield Section("arms", "Arms", (tables.arms(record),))
    environment = tables.facts("Machine, server and libraries", record.environment)
    yield Section("environment", "Environment", (environment, tables.facts("Dataset", record.dataset)))
    yield _method(record)
    yield _reproduce(record, record.words)


def _check(claim: ClaimResult) -> ShownFinding:
    return ShownFinding(
        subject=claim.id,
        rule=claim.claimed,
        value=claim.verdict,
        measured=claim.measured_text,
        reason=claim.reason,
        note=f"{claim.source}: “{claim.quote}”",
        by_size=tuple(AtSize(count_text(each.size), each.verdict) for each in claim.by_size),
    )


def same_work(equivalence: Equivalence) -> ShownFinding:
    """Whether the arms did the same work, as a case of its own."""
    unequal = "" if equivalence.equal else "the arms do not do the same work"
    value = VerdictValue.HOLDS if equivalence.equal else VerdictValue.NOT_EQUIVALENT
    return ShownFinding(
        "the arms do the same work", "", value, reason=unequal, details=equivalence.differences
    )


def _verdicts(record: ResultRecord, claims: tuple[ShownFinding, ...]) -> Section:
    """An unequal run's claims stand on its page, and not in the short form: no speed is published."""
    asked, words = record.scenario, record.words
    weight = Weight.BRIEF if record.equivalence.equal else Weight.FULL
    if not claims:
        nothing = Paragraph(("The scenario makes no claim.",))
        return Section("verdicts", "Verdicts", (nothing,), Weight.FULL)
    told = (
        f"{words.sized(asked.size).capitalize()}; time at a round trip of {asked.judged_rtt_ms:g} ms. "
        f"Each claim is judged on its {100 * record.method.confidence:g} % interval, shown in brackets; a "
        "number without brackets is exact."
    )
    found = Findings("Verdicts", claims, "Claim", "Claimed", f"By {words.size}")
    return Section("verdicts", "Verdicts", (Paragraph((told,)), found), weight)


def limitations(told: tuple[str, ...]) -> Section:
    """What the numbers cannot say."""
    lines = Bullets(tuple((each,) for each in told))
    return Section("limitations", "Limitations", (Paragraph(("Read these before the numbers.",)), lines))


def _metrics(record: ResultRecord) -> Section:
    asked, words = record.scenario, record.words
    per_run = f"the median over blocks of the total over {asked.runs} runs, divided by {asked.runs}."
    told = (
        f"Values are per {words.run} at {words.sized(asked.size)}: {per_run} A reduction of 60 % means "
        "that the candidate needs 60 % less than the reference."
    )
    blocks: list[Block] = [Paragraph((told,)), tables.metrics(record, [asked.size])]
    if others := [size for size in asked.sizes if size != asked.size]:
        sizes = f"The same at {', '.join(map(str, others))} {words.size}"
        blocks.append(Fold(sizes, (tables.metrics(record, others),)))
    if missing := tables.not_measured(record):
        blocks.append(Paragraph((f"Not measured: {', '.join(missing)}.",)))
    blocks.append(tables.provenance(record))
    return Section("metrics", "Metrics", tuple(blocks))


def equivalence_sections(equivalence: Equivalence) -> Iterator[Section]:
    """What was compared; what differs is told wherever the page is shown."""
    rows, requests = equivalence.rows_compared, equivalence.api_requests_compared
    scope = f"{rows:,} rows and {requests:,} API requests were compared"
    if equivalence.equal:
        told = f"The arms do the same work: {scope}, and none differs."
        yield Section("equivalence", "Equivalence", (Paragraph((told,)),))
        return
    unequal = (
        "The arms do not do the same work, so no speed is published and there is no chart and no metric "
        f"here: a faster wrong answer is no improvement. {scope}. The differences, first one first:"
    )
    lines = tuple((each,) for each in equivalence.differences)
    blocks: list[Block] = [Paragraph((unequal,)), Bullets(lines[:_FIRST_DIFFERENCES])]
    if rest := lines[_FIRST_DIFFERENCES:]:
        blocks.append(Fold(f"{len(rest)} more", (Bullets(rest),)))
    yield Section("equivalence", "Equivalence", tuple(blocks), Weight.BRIEF)


def _method(record: ResultRecord) -> Section:
    method = record.method
    unit = (
        "The unit of replication is the block: a fresh database and fresh connections, in which each "
        "arm runs once, in random order."
    )
    judged = (
        "A claimed reduction holds if its interval lies inside the range or reaches past its better end "
        "only; it is exceeded if the interval lies beyond the better end, refuted if it lies below the "
        "range, and inconclusive otherwise."
    )
    lines = (
        f"Effect: {method.estimate}.",
        f"Interval at {100 * method.confidence:g} % or the next level that ranks have: {method.interval}.",
        "With six blocks that level is 96.9 %, with eight 96.1 %.",
        f"Below {method.few_blocks_below} blocks: {method.interval_of_few_blocks}.",
        "A count that is the same in every block is exact, and its interval has no width.",
        judged,
    )
    return Section("method", "Method", (Paragraph((unit,)), Bullets(tuple((each,) for each in lines))))


def _reproduce(record: ResultRecord, words: Words) -> Section:
    asked = record.scenario
    sizes, rtts = ", ".join(map(str, asked.sizes)), ", ".join(f"{rtt:g}" for rtt in asked.rtt_ms)
    runs = f"{asked.runs} {words.run}s, {asked.step_s:g} s apart"
    lines = (
        ("Scenario ", Code(asked.name), ", SHA-256 ", Code(asked.sha256)),
        (f"{runs}; {words.size} {sizes}; round trips of {rtts} ms",),
        (f"claimbench {record.claimbench}; the dataset's seed and hash stand under Environment",),
        (
            *("Everything here is drawn from ", Code(RUN.file), " beside this page, which holds all "),
            f"{len(record.samples):,} samples",
        ),
    )
    return Section("again", "Reproduce", tuple(again(record.command, Bullets(lines), asked.why)))


def again(command: str, lines: Bullets, why: str) -> Iterator[Block]:
    """The command that runs it again, what it depends on, and what it is for."""
    if command:
        yield Paragraph((Code(command),))
    yield lines
    if why:
        yield Paragraph((why,))
