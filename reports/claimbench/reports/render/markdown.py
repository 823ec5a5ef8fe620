"""The report as Markdown, for a pull request or a step summary."""

import re
from collections.abc import Iterator

from claimbench.reports.pages import tables
from claimbench.reports.pages.tables import Table
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.wording import printable


def render(record: ResultRecord) -> str:
    """Verdicts first, limitations before the numbers, then everything else."""
    return "\n\n".join(_sections(record)) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown and the HTML inside it leave as it is, on one line."""
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", safe)


def table_text(table: Table) -> str:
    """A pipe table; without rows a sentence that says so."""
    if not table.rows:
        return "Nothing was measured."
    rules = ["---" if column < table.words else "---:" for column in range(len(table.columns))]
    lines = [[escaped(cell) for cell in row] for row in (table.columns, *table.rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (lines[0], rules, *lines[1:]))


def _sections(record: ResultRecord) -> Iterator[str]:
    verdict, scenario = record.verdict, record.scenario
    yield f"# {escaped(scenario.title)}"
    yield f"**{tables.headline(record)}** (exit {verdict.exit_code}): {escaped(verdict.reason)}."
    if record.claims:
        yield f"## Verdicts\n\n{table_text(tables.verdicts(record))}"
    yield "## Limitations\n\n" + "\n".join(f"- {escaped(each)}" for each in record.limitations)
    yield f"## Equivalence\n\n{_equivalence(record)}"
    if record.metrics:
        yield from _numbers(record)
    yield f"## Arms\n\n{table_text(tables.arms(record))}"
    yield f"## Environment\n\n{table_text(tables.facts('Environment', record.environment))}"
    yield f"## Dataset\n\n{table_text(tables.facts('Dataset', record.dataset))}"
    yield f"## Method\n\n{_method(record)}"


def _equivalence(record: ResultRecord) -> str:
    equivalence = record.equivalence
    rows, requests = equivalence.rows_compared, equivalence.api_requests_compared
    scope = f"{rows:,} rows and {requests:,} API requests compared"
    if equivalence.equal:
        return f"The arms do the same work: {scope}, no difference."
    differences = "\n".join(f"- {escaped(each)}" for each in equivalence.differences)
    return f"The arms do **not** do the same work ({scope}), so no speed is published.\n\n{differences}"


def _numbers(record: ResultRecord) -> Iterator[str]:
    size = record.scenario.companies
    yield f"## By number of companies\n\n{table_text(tables.scaling(record))}"
    yield f"## Metrics at {size} companies\n\n{table_text(tables.metrics(record, [size]))}"
    missing = ", ".join(tables.not_measured(record))
    if missing:
        yield f"Not measured: {escaped(missing)}."
    yield f"## Where the numbers come from\n\n{table_text(tables.provenance(record))}"


def _method(record: ResultRecord) -> str:
    method, scenario = record.method, record.scenario
    interval = f"{escaped(method.interval)}; below {method.few_blocks_below} blocks "
    name, sha256 = escaped(scenario.name), scenario.sha256
    lines = [
        f"- Effect: {escaped(method.estimate)}",
        f"- Interval at {100 * method.confidence:g} %: {interval}{escaped(method.interval_of_few_blocks)}",
        f"- Scenario {name}, SHA-256 `{sha256}`, {scenario.runs} scheduler runs",
        f"- claimbench {escaped(record.claimbench)}, started {escaped(record.started_at)}",
    ]
    if record.command:
        lines.append(f"- To run it again: `{printable(record.command).replace('`', '')}`")
    return "\n".join(lines)
