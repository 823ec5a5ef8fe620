"""Workflow commands of GitHub Actions: what does not pass, as annotations on the run."""

from collections.abc import Iterator

from claimbench.reports.pages.folding import grouped
from claimbench.reports.pages.gate_tables import headline
from claimbench.reports.record.gate import GateRecord

MOST = 10
"""GitHub shows no more than ten of each kind for a step."""

_LEVELS = {"fail": "error", "invalid": "error", "inconclusive": "warning"}


def render(gate: GateRecord) -> str:
    """A line for each metric that does not pass, and one for the verdict; empty when all pass."""
    return "".join(f"{line}\n" for line in _lines(gate))


def _lines(gate: GateRecord) -> Iterator[str]:
    if gate.verdict.value == "pass":
        return
    yield _command("error" if gate.verdict.exit_code != 3 else "warning", headline(gate), gate.verdict.reason)
    for complaint in gate.complaints[: MOST - 1]:
        yield _command("error", "Nothing to compare", complaint)
    told = [each for each in grouped(gate.findings) if each.leading.value in _LEVELS]
    for group in told[: MOST - 1]:
        said = group.leading
        yield _command(_LEVELS[said.value], f"{group.subject} ({said.rule})", said.reason)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped as the runner unescapes the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
