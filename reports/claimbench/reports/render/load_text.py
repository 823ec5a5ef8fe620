"""The load report as Markdown, as JUnit XML, and for a terminal."""

import io
from collections.abc import Iterator

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from claimbench.reports.pages import load_tables as tables
from claimbench.reports.pages.tables import Table, facts
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.record.values import Finding
from claimbench.reports.render.markdown import escaped, table_text
from claimbench.reports.wording import printable


def markdown(record: LoadRecord) -> str:
    """Verdict and thresholds first, limitations before the numbers."""
    return "\n\n".join(_sections(record)) + "\n"


def _sections(record: LoadRecord) -> Iterator[str]:
    verdict = record.verdict
    yield f"# {escaped(record.asked.title)}"
    headline = tables.HEADLINES[verdict.value]
    yield f"**{headline}** (exit {verdict.exit_code}): {escaped(verdict.reason)}."
    yield f"{escaped(record.asked.arrivals).capitalize()}; {record.asked.blocks} blocks."
    yield from _table(tables.thresholds(record))
    yield "## Limitations\n\n" + "\n".join(f"- {escaped(each)}" for each in record.limitations)
    for make in (tables.latencies, tables.operations, tables.ratios, tables.capacities, tables.curve):
        yield from _table(make(record))
    for table in (tables.blocks(record), tables.failures(record), facts("Environment", record.environment)):
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    if table.rows:
        yield f"## {table.title}\n\n{table_text(table)}"


def junit(record: LoadRecord) -> str:
    """A test case per threshold, and one for validity: a broken threshold is a failure."""
    suite = TestSuite(f"claimbench load {printable(record.asked.name)}")
    suite.timestamp = printable(record.started_at)
    suite.add_property("scenario.sha256", record.asked.sha256)
    suite.add_property("verdict", record.verdict.value)
    suite.add_property("exit_code", str(record.verdict.exit_code))
    suite.add_testcase(_validity(record))
    for threshold in record.thresholds:
        suite.add_testcase(_case(record, threshold))
    document = JUnitXml()
    document.add_testsuite(suite)
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _validity(record: LoadRecord) -> TestCase:
    case = TestCase("the generator was fit to measure", _classname(record))
    problems = [printable(problem) for block in record.blocks for problem in block.problems]
    if problems:
        case.result = [Error("; ".join(problems), "invalid")]
    return case


def _case(record: LoadRecord, threshold: Finding) -> TestCase:
    case = TestCase(f"{printable(threshold.subject)}: {threshold.rule}", _classname(record))
    measured = f"measured: {printable(threshold.measured)}"
    if threshold.value == "fail":
        case.result = [Failure(measured, "fail")]
    if threshold.value == "inconclusive":
        case.result = [Error(measured, "inconclusive")]
    case.system_out = measured + "\n"
    return case


def _classname(record: LoadRecord) -> str:
    return f"claimbench.load.{printable(record.asked.name)}"


def terminal(record: LoadRecord) -> str:
    """What a person wants to see at once: times by arm, capacity, thresholds, the verdict."""
    lines = [*aligned(tables.latencies(record)), *aligned(tables.capacities(record))]
    lines += aligned(tables.thresholds(record))
    verdict = record.verdict
    lines.append(f"{tables.HEADLINES[verdict.value]} (exit {verdict.exit_code}): {printable(verdict.reason)}")
    return "\n".join(lines) + "\n"


def aligned(table: Table) -> list[str]:
    """A table as lines for a terminal; none when it is empty."""
    if not table.rows:
        return []
    rows = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]
    told = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < table.words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        told.append("  " + "  ".join(printable(cell) for cell in cells).rstrip())
    return [table.title, *told, ""]
