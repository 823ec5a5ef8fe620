"""A soak for a terminal and as Markdown, and the files of its folder."""

from pathlib import Path

from claimbench.reports.pages.tables import Table, facts
from claimbench.reports.record.soak import SoakRecord
from claimbench.reports.record.store import write_text
from claimbench.reports.render.load_text import aligned
from claimbench.reports.render.markdown import escaped, table_text
from claimbench.reports.wording import printable

SOAK = "soak.json"
MARKDOWN = "soak.md"

SIGNS = {"pass": "✓", "fail": "✗"}
HEADLINES = {
    "pass": "The service bears the load",
    "fail": "The service does not bear the load",
    "invalid": "The generator was not fit to measure",
    "lost": "Work was lost, doubled or done wrong",
}


def write_soak_folder(record: SoakRecord, folder: Path) -> Path:
    """Write record and page; return the page's path. UsageError names the file that cannot be written."""
    write_text(folder / SOAK, record.model_dump_json(by_alias=True, indent=1) + "\n")
    write_text(folder / MARKDOWN, markdown(record))
    return folder / MARKDOWN


def terminal(record: SoakRecord) -> str:
    """What was asked, every finding, the verdict."""
    lines = [_asked(record), *aligned(found(record)), *aligned(waits(record))]
    verdict = record.verdict
    lines.append(f"{HEADLINES[verdict.value]} (exit {verdict.exit_code}): {printable(verdict.reason)}")
    return "\n".join(lines) + "\n"


def markdown(record: SoakRecord) -> str:
    """The same, with the environment."""
    verdict = record.verdict
    headline = f"**{HEADLINES[verdict.value]}** (exit {verdict.exit_code}): {escaped(verdict.reason)}."
    tables = (found(record), waits(record), over_time(record), facts("Environment", record.environment))
    sections = [f"## {table.title}\n\n{table_text(table)}" for table in tables if table.rows]
    return "\n\n".join(
        [f"# Soak of {escaped(record.soaked.asked.pipeline)}", headline, _asked(record), *sections]
    )


def _asked(record: SoakRecord) -> str:
    asked = record.soaked.asked
    capacity = asked.capacity_per_s
    share = "" if capacity is None else f", {asked.share:.0%} of the capacity of {capacity:.3g}"
    faults = f"{len(asked.faults)} kinds of faults" if asked.faults else "no faults"
    return (
        f"{asked.rate_per_s:.3g} arrivals a second for {asked.duration_s / 60:.3g} min{share}; {faults}; "
        f"the database restarted after {record.soaked.restart.at_s:.0f} s"
    )


def found(record: SoakRecord) -> Table:
    """A row for each finding."""
    rows = tuple((each.subject, SIGNS[each.value], each.rule, each.measured) for each in record.findings)
    return Table("Findings", ("What", "Holds", "Allowed", "Seen"), rows, words=4)


def waits(record: SoakRecord) -> Table:
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
    return Table("Waiting times (ms)", ("Time", "Count", "p50", "p95", "p99", "max"), rows)


def over_time(record: SoakRecord) -> Table:
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
    columns = ("Second", "Memory (MB)", "Connections", "Locks", "Waiting", "Without a result")
    return Table("Over time", columns, rows, words=0)
