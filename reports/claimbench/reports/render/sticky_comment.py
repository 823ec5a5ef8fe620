"""The gate as Markdown: for a step summary, and for the one comment that a pull request keeps."""

from collections.abc import Iterator

from claimbench.reports.pages import gate_tables as tables
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.render.markdown import escaped, table_text

MOST_CHARACTERS = 60_000
"""GitHub refuses comments above 65,536 characters."""


def marker(scenario: str) -> str:
    """The invisible first line by which the comment is found again and replaced, one for each scenario."""
    safe = "".join(character for character in scenario if character.isalnum() or character in "-_.")
    return f"<!-- claimbench-gate: {safe} -->"


def render(gate: GateRecord) -> str:
    """Verdict first, then what does not simply pass; the method folded away."""
    text = "\n\n".join(_sections(gate)) + "\n"
    if len(text) <= MOST_CHARACTERS:
        return text
    return text[:MOST_CHARACTERS].rpartition("\n")[0] + "\n\nThe rest is in gate.json.\n"


def _sections(gate: GateRecord) -> Iterator[str]:
    verdict = gate.verdict
    yield marker(gate.scenario)
    yield f"### {tables.SIGNS[verdict.value]} {tables.headline(gate)}: {escaped(gate.scenario)}"
    yield f"**{verdict.value}** (exit {verdict.exit_code}): {escaped(verdict.reason)}."
    if gate.complaints:
        yield "\n".join(f"- {escaped(each)}" for each in gate.complaints)
    if tables.shown(gate):
        yield table_text(tables.findings(gate))
    if gate.notes:
        yield "\n".join(f"- {escaped(each)}" for each in gate.notes)
    yield escaped(tables.summary(gate)) + "."
    method = "\n".join(f"- {escaped(line)}" for line in tables.method_lines(gate))
    yield f"<details><summary>How this was decided</summary>\n\n{method}\n\n</details>"
