"""The page of a search for N+1: a check for each statement that grows with the data, at its line of code."""

from collections.abc import Sequence

from claimbench.reports.judge.n_plus_one import RepeatedStatement
from claimbench.reports.pages.page import (
    Findings,
    Page,
    Paragraph,
    Rule,
    Section,
    ShownFinding,
    SourceLine,
    Weight,
)
from claimbench.reports.record.values import VerdictValue, Words

N_PLUS_ONE = Rule(
    id="claimbench/n-plus-one",
    name="NPlusOne",
    short="A statement is sent once for each row or tenant",
    full="The number of executions of one statement from one line grows with the data.",
    remedy="Read with a join or IN, write with one set-based statement, or stream once.",
)


def n_plus_one_page(found: Sequence[RepeatedStatement], name: str, version: str, words: Words) -> Page:
    """What was found in one arm; without findings the page says so."""
    checks = tuple(_check(each, words) for each in found)
    nothing = Paragraph(("No statement grows with the data.",))
    section = Section(
        "findings",
        "N+1 findings",
        (Findings("N+1 findings", checks, "Line") if checks else nothing,),
        Weight.BRIEF,
    )
    return Page(
        kind="n-plus-one",
        name=name,
        title=f"N+1 in {name}",
        version=version,
        sections=(section,),
        cases=checks,
        rules=(N_PLUS_ONE,),
    )


def _check(each: RepeatedStatement, words: Words) -> ShownFinding:
    counts = ", ".join(f"{at.count} times at {words.sized(at.size)}" for at in each.counts)
    statement = " ".join(each.statement.split())
    return ShownFinding(
        subject=f"{each.file}:{each.line} {each.function}",
        rule=N_PLUS_ONE.id,
        value=VerdictValue.FAIL,
        measured=counts,
        reason=(
            f"This statement is sent {counts}: it grows with the data. Fetch or write all rows in one "
            f"statement. SQL: {statement[:300]}"
        ),
        source=SourceLine(each.file, each.line, each.function, statement),
    )
