"""The page of a gate: what does not simply pass, folded; every comparison is a case of its own."""

from collections.abc import Iterator
from dataclasses import replace

from claimbench.reports.judge.folding import ORDER, Group, grouped
from claimbench.reports.pages.page import (
    Banner,
    Bullets,
    Code,
    Findings,
    Fold,
    Page,
    Paragraph,
    Section,
    ShownFinding,
    Weight,
)
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.store import GATE
from claimbench.reports.record.values import Finding, VerdictValue

_HEADLINES = {
    "pass": "The gate passes",
    "fail": "The gate fails",
    "inconclusive": "The gate could not decide",
    "invalid": "The gate could not compare",
}
MOST_ROWS = 40


def gate_page(gate: GateRecord) -> Page:
    """All that a gate compared."""
    verdict = gate.verdict
    complaints = tuple(
        ShownFinding("run and baseline can be compared", "", VerdictValue.INVALID, reason=each)
        for each in gate.complaints
    )
    return Page(
        kind="gate",
        name=gate.scenario,
        title=f"Gate of {gate.scenario}",
        version=gate.claimbench,
        schema=gate.schema_,
        banner=Banner(verdict.value, _HEADLINES[verdict.value], verdict.reason, verdict.exit_code),
        sections=tuple(_sections(gate, complaints)),
        cases=(*complaints, *(ShownFinding.of(each) for each in gate.findings)),
    )


def _sections(gate: GateRecord, complaints: tuple[ShownFinding, ...]) -> Iterator[Section]:
    found = (
        *complaints,
        *(replace(ShownFinding.of(each.leading), subject=each.subject) for each in shown(gate)),
    )
    findings = (Findings("Findings", found),) if found else ()
    notes = (Bullets(tuple((f"note: {each}",) for each in gate.notes)),) if gate.notes else ()
    count = Paragraph((f"{_summary(gate)}.",))
    yield Section("findings", "Findings", (*findings, *notes, count), Weight.BRIEF)
    method = Bullets(tuple((each,) for each in _method_lines(gate)))
    yield Section("method", "Method", (Fold("How this was decided", (method,)),))
    drawn = Paragraph(("Everything here is drawn from ", Code(GATE.file), "."))
    yield Section("again", "Reproduce", (drawn,))


def shown(gate: GateRecord) -> tuple[Group, ...]:
    """What a person should see, folded: all that does not pass, all timings, every declared threshold."""
    ours = [
        each
        for each in gate.findings
        if each.value is not VerdictValue.PASS
        or each.tier == "timing"
        or each.rule != "zero tolerance"
        or each.is_better
    ]
    return grouped(ours)[:MOST_ROWS]


def _is_declared(finding: Finding) -> bool:
    return finding.rule != "zero tolerance" or finding.is_better


def _summary(gate: GateRecord) -> str:
    counts = {value: sum(each.value == value for each in gate.findings) for value in ORDER}
    told = ", ".join(f"{count} {value}" for value, count in counts.items() if count)
    return f"{len(gate.findings)} comparisons: {told or 'none'}"


def _method_lines(gate: GateRecord) -> Iterator[str]:
    method = gate.method
    looks = ", ".join(
        f"{blocks} blocks ({100 * share:g} %)"
        for blocks, share in zip(method.looks, method.shares, strict=True)
    )
    yield f"Effect: {method.effect}; interval: {method.interval}."
    yield f"Test: {method.test}. Family: {method.family}."
    yield f"Declared looks, with their shares of the error budget of {method.alpha:g}: {looks}."
    yield (
        f"A red is confirmed on a second set of blocks at {method.confirmation_alpha:g}; seed {method.seed}."
    )
