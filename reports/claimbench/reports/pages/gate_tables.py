"""The gate's tables, as text in cells; every renderer draws these in its own way."""

from collections.abc import Sequence

from claimbench.reports.pages.folding import ORDER, Group, grouped
from claimbench.reports.pages.tables import Table
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.values import Finding

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "invalid": "!"}
"""A sign beside each verdict's word, so that nothing hangs on colour."""

HEADLINES = {
    "pass": "The gate passes",
    "fail": "The gate fails",
    "inconclusive": "The gate could not decide",
    "invalid": "The gate could not compare",
}
MOST_ROWS = 40


def headline(gate: GateRecord) -> str:
    """The verdict in a sentence."""
    return HEADLINES[gate.verdict.value]


def shown(gate: GateRecord) -> tuple[Group, ...]:
    """What a person should see, folded: all that does not pass, all timings, every declared threshold."""
    ours = [
        each for each in gate.findings if each.value != "pass" or each.tier == "timing" or _is_declared(each)
    ]
    return grouped(ours)[:MOST_ROWS]


def _is_declared(finding: Finding) -> bool:
    return finding.rule != "zero tolerance" or finding.is_better


def findings(gate: GateRecord) -> Table:
    """A row for each group of findings that is shown."""
    rows = tuple(
        (group.subject, said.rule, f"{SIGNS[said.value]} {said.value}", said.measured, said.reason)
        for group in shown(gate)
        for said in (group.leading,)
    )
    return Table("Findings", ("What", "Rule", "Verdict", "Measured", "Why"), rows, words=5)


def summary(gate: GateRecord) -> str:
    """How many comparisons came to what."""
    counts = {value: sum(each.value == value for each in gate.findings) for value in ORDER}
    told = ", ".join(f"{count} {value}" for value, count in counts.items() if count)
    return f"{len(gate.findings)} comparisons: {told or 'none'}"


def method_lines(gate: GateRecord) -> Sequence[str]:
    """How it was decided, a line each."""
    method = gate.method
    looks = ", ".join(
        f"{blocks} blocks ({100 * share:g} %)"
        for blocks, share in zip(method.looks, method.shares, strict=True)
    )
    return (
        f"Effect: {method.effect}; interval: {method.interval}.",
        f"Test: {method.test}. Family: {method.family}.",
        f"Declared looks, with their shares of the error budget of {method.alpha:g}: {looks}.",
        f"A red is confirmed on a second set of blocks at {method.confirmation_alpha:g}; seed {method.seed}.",
    )
