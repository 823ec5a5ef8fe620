"""A gate's result as text for a terminal, as JUnit XML, and as JSON."""

import io

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from claimbench.reports.pages import gate_tables as tables
from claimbench.reports.pages.folding import Group
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.values import Finding
from claimbench.reports.render.terminal import Paint
from claimbench.reports.wording import printable

_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "invalid": "bold yellow"}


def to_json(gate: GateRecord) -> str:
    """The text of `gate.json`; the same record gives the same text."""
    return gate.model_dump_json(by_alias=True, indent=1) + "\n"


def to_terminal(gate: GateRecord, width: int = 100, paint: Paint = Paint.PLAIN) -> str:
    """What does not simply pass, the notes, and the verdict last."""
    stream = io.StringIO()
    coloured = paint is Paint.COLOURED
    console = Console(
        file=stream,
        width=max(width, 60),
        force_terminal=coloured,
        color_system="standard" if coloured else None,
        highlight=False,
        legacy_windows=False,
    )
    for group in tables.shown(gate):
        _print_group(console, group)
    for line in (*gate.complaints, *(f"note: {note}" for note in gate.notes)):
        console.print(Text(printable(line)))
    verdict = gate.verdict
    console.print(Text(tables.headline(gate), _STYLES[verdict.value]), Text(f"(exit {verdict.exit_code})"))
    console.print(Text(printable(f"{verdict.reason}; {tables.summary(gate)}")))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _print_group(console: Console, group: Group) -> None:
    """Two lines: what and how it did, then by how much and why."""
    said = group.leading
    mark = Text(f"{tables.SIGNS[said.value]} {said.value:<12} ", _STYLES[said.value])
    console.print(mark + Text(printable(group.subject)))
    why = said.reason if said.measured in said.reason else f"{said.measured}: {said.reason}"
    console.print(Padding(Text(printable(f"{why} ({said.rule})")), (0, 0, 0, 15)))


def to_junit(gate: GateRecord) -> str:
    """A test case for each comparison: a fail is a failure, what could not be decided an error."""
    suite = TestSuite(f"claimbench gate {printable(gate.scenario)}")
    suite.add_property("verdict", gate.verdict.value)
    suite.add_property("exit_code", str(gate.verdict.exit_code))
    for complaint in gate.complaints:
        suite.add_testcase(_complaint(complaint))
    for finding in gate.findings:
        suite.add_testcase(_case(finding))
    document = JUnitXml()
    document.add_testsuite(suite)
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _complaint(text: str) -> TestCase:
    case = TestCase("run and baseline can be compared", "claimbench.gate")
    case.result = [Error(printable(text), "nothing to compare")]
    return case


def _case(finding: Finding) -> TestCase:
    case = TestCase(printable(f"{finding.subject} {finding.rule}"), f"claimbench.gate.{finding.tier}")
    reason = printable(finding.reason)
    if finding.value == "fail":
        case.result = [Failure(reason, "fail")]
    elif finding.value != "pass":
        case.result = [Error(reason, finding.value)]
    case.system_out = f"{finding.value}: {printable(finding.measured)}; {reason}\n"
    return case
