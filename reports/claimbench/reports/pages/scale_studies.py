"""The studies of a scale report as sections: strategies, round-trip times, indexes, and where time goes."""

from collections.abc import Iterator, Mapping

from claimbench.reports.judge.ablation import ALL, NONE, ablated, crossing_ms, time_lines
from claimbench.reports.pages.page import (
    Block,
    Bullets,
    Chart,
    Fold,
    PageTable,
    Paragraph,
    Section,
    columns,
)
from claimbench.reports.record.scale import ScaleRecord, StepReading, Turned
from claimbench.reports.wording import percent_text, stage_title, value_text


def study_sections(record: ScaleRecord, charts: Mapping[str, Chart]) -> Iterator[Section]:
    """Those that were taken."""
    sections = (
        ("strategies", "What each strategy contributes", strategies(record), "scale-strategies"),
        ("rtt", "Time against the round-trip time", sweep(record), "scale-rtt"),
        ("indexes", "What the indexes cost and bring", index_sets(record), ""),
        ("where", "Where time goes", where(record), ""),
    )
    for name, title, blocks, chart in sections:
        if blocks:
            drawn = (charts[chart],) if chart in charts else ()
            yield Section(name, title, (*blocks, *drawn))


def strategies(record: ScaleRecord) -> tuple[Block, ...]:
    """A row for each variant; what differs from all strategies and from none is told beside."""
    found = {each.name: each for each in ablated(record)}
    if NONE not in found or ALL not in found:
        return ()
    studied = next(turn for turn in record.turns if turn.part == "ablation")
    rtts = [rtt_ms for rtt_ms, _ in found[ALL].seconds]
    rows = tuple(
        (
            each.name,
            f"{each.round_trips:,}",
            value_text(each.row_bytes, "B"),
            *(value_text(seconds, "s") for _, seconds in each.seconds),
            value_text(each.peak_memory_bytes, "B"),
        )
        for each in found.values()
    )
    times = tuple(f"Time at {rtt_ms:g} ms" for rtt_ms in rtts)
    heads = columns(("Strategies",), ("Round trips", "Bytes received", *times, "Peak memory"))
    told = Paragraph(
        (
            f"The optimized pipeline on clones of one template ({studied.size:,} companies, ",
            f"{studied.requests:,} requests): the strategies are a value that it takes; indexes are the ",
            "schema's. The API costs nothing here, so what parallel calls save is not in these times.",
        )
    )
    return (told, PageTable("Each strategy alone and left out", heads, rows))


def sweep(record: ScaleRecord) -> tuple[Block, ...]:
    """time = a + b · round trip, with b beside the round trips counted, and where the lines cross."""
    lines = time_lines(record)
    if not lines:
        return ()
    rows = tuple(
        (
            line.arm,
            value_text(line.base_s, "s"),
            f"{line.trips:,.1f}",
            f"{line.counted:,}",
            percent_text(line.ratio - 1),
        )
        for line in lines
    )
    heads = columns(("Arm",), ("a", "b, round trips", "Counted", "b beside counted"))
    at = crossing_ms(lines)
    crossing = (
        "The lines cross at no positive round-trip time: the candidate is quicker at each."
        if at is None and lines[-1].base_s < lines[0].base_s
        else "The lines cross at no positive round-trip time."
        if at is None
        else f"The lines cross at {at:.2f} ms."
    )
    told = Paragraph(
        (
            "Time is a line over the round-trip time that a relay adds: a is what the arm takes without, ",
            f"b how often it waits. One connection, so that no wait hides another. {crossing}",
        )
    )
    return (told, PageTable("Time = a + b · round trip", heads, rows))


def index_sets(record: ScaleRecord) -> tuple[Block, ...]:
    """A row for each set of indexes, and the plans of the document's queries over each."""
    turns = {turn.variant: turn for turn in record.turns if turn.part == "indexes"}
    if not record.indexes or not turns:
        return ()
    rows = tuple(
        (
            each.indexes,
            value_text(each.bytes, "B"),
            *_run_over(turns.get(each.indexes)),
            "–" if each.hot_share is None else percent_text(each.hot_share),
        )
        for each in record.indexes
    )
    first = next(iter(turns.values()))
    heads = columns(("Indexes",), ("Size", "Create", "Process", "Whole run", "WAL", "Pages", "HOT"))
    told = Paragraph(
        (
            f"The candidate's run over each set ({first.size:,} companies, {first.requests:,} requests). ",
            "An update is heap-only (HOT) where it changes no column that any index holds or asks for: each ",
            "of the two with status, and a partial one on it, makes every update write all indexes.",
        )
    )
    plans = Bullets(tuple((f"{each.indexes}: {plan}",) for each in record.indexes for plan in each.plans))
    return (told, PageTable("Indexes", heads, rows), Fold("How the planner answers", (plans,)))


def _run_over(turn: Turned | None) -> tuple[str, ...]:
    if turn is None:
        return ("–",) * 5
    steps = {step.step: step.seconds for step in turn.steps}
    return (
        value_text(steps["create_batches"], "s"),
        value_text(steps["process_results"], "s"),
        value_text(turn.seconds, "s"),
        "–" if turn.wal_bytes is None else value_text(turn.wal_bytes, "B"),
        "–" if turn.buffers is None else f"{turn.buffers:,}",
    )


def where(record: ScaleRecord) -> tuple[Block, ...]:
    """Database, API and Python of each step, and what the server did for each statement."""
    turns = [turn for turn in record.turns if turn.part == "where"]
    if not turns:
        return ()
    rows = tuple(_waits(turn, step) for turn in turns for step in turn.steps)
    heads = columns(("Arm", "Stage"), ("Time", "Database", "API", "Both at once", "Python", "Server's CPU"))
    told = Paragraph(
        (
            "Wall time in which a thread waited for the database alone, for the API alone, for both at ",
            f"once, or for neither: then Python worked ({turns[0].size:,} companies, ",
            f"{turns[0].requests:,} requests, ",
            "the fake API outside). Taken with a probe on each wait, so times are longer than without.",
        )
    )
    used = tuple(Fold(f"Statements of {turn.arm}", (_statements(turn),)) for turn in turns if turn.statements)
    return (told, PageTable("Waits of each stage", heads, rows), *used)


def _waits(turn: Turned, step: StepReading) -> tuple[str, ...]:
    database, api, both = step.database_s or 0.0, step.api_s or 0.0, step.both_s or 0.0
    python = max(0.0, step.seconds - database - api - both)
    served = "–" if step.server_cpu_s is None else value_text(step.server_cpu_s, "s")
    shares = (
        f"{value_text(part, 's')} ({part / step.seconds:.0%})" for part in (database, api, both, python)
    )
    return (turn.arm, stage_title(step.step), value_text(step.seconds, "s"), *shares, served)


def _statements(turn: Turned) -> PageTable:
    rows = tuple(
        (
            each.text,
            f"{each.calls:,}",
            f"{each.rows:,}",
            f"{each.blocks:,}",
            value_text(each.wal_bytes, "B"),
            value_text(each.seconds, "s"),
        )
        for each in turn.statements
    )
    heads = columns(("Statement",), ("Calls", "Rows", "Pages", "WAL", "Time"))
    return PageTable(f"Statements of {turn.arm}, by time", heads, rows)
