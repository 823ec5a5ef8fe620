"""The kill matrix as a Markdown table between two marks of docs/oracle.md, written and read."""

import re
from collections.abc import Iterable

from claimbench.loadgen.oracle import Invariant
from mutants.killing import Kill

PAGE = "docs/oracle.md"
BEGIN, END = "<!-- kill matrix: begin -->", "<!-- kill matrix: end -->"
_ROW = re.compile(r"\| `(\w+)` \| (.+) \| (\d+) \| (.+) \|")


def with_matrix(page: str, kills: Iterable[Kill]) -> str:
    """The page with this matrix in the place of its own."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{_table(kills)}{END}{after}"


def _table(kills: Iterable[Kill]) -> str:
    head = "| mutant | its mistake | seed | killed by |\n|---|---|---|---|\n"
    return head + "".join(_row(kill) for kill in kills)


def _row(kill: Kill) -> str:
    killers = ", ".join(f"`{one}`" for one in kill.invariants) or "nobody"
    return f"| `{kill.mutant}` | {kill.mistake} | {kill.seed or 'none'} | {killers} |\n"


def read_matrix(page: str) -> tuple[Kill, ...]:
    """The rows of the page's matrix; a survivor is not among them."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    return tuple(
        Kill(name, mistake, int(seed), tuple(map(Invariant, re.findall(r"`(\w+)`", killers))))
        for name, mistake, seed, killers in _ROW.findall(table)
    )
