"""`claimbench compare`: two functions of a user's own, through the same passes and pages as a pipeline."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.errors import ExitCode, UsageError
from claimbench.loadgen.commands.options import COMPARED, DatabaseOption
from claimbench.loadgen.commands.run import RunOptions, run_and_report
from claimbench.loadgen.workloads.functions.comparison import (
    SIZES,
    Comparison,
    comparison_of,
    comparisons_in,
    named,
)
from claimbench.scenarios.grammar import parse_claimed
from claimbench.scenarios.metrics import definition
from claimbench.scenarios.model import Arm, ArmRole, Claim, Dataset, Network, Scenario, WorkloadSettings


def compare(
    what: Annotated[list[str], typer.Argument(help="shop_bench.py, or two functions: old:f new:f")],
    populate: Annotated[
        str | None, typer.Option(help="Fills a database: module:function, called with (case, n)")
    ] = None,
    sizes: Annotated[str, typer.Option(help="Each larger than the one before; the last one is timed.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The folder to write.")] = None,
    database: DatabaseOption = "auto",
) -> None:
    """Compare two functions of your own: the same work first, then counts, growth, memory and time."""
    given = _sizes(sizes)
    words = {"--populate": populate, "--sizes": sizes}
    again = shlex.join([*what, *(part for word, value in words.items() if value for part in (word, value))])
    codes = []
    for name, comparison in _comparisons(what, populate):
        scenario = _scenario(name, comparison, given or (SIZES if len(what) == 2 else comparison.sizes))
        folder = out / comparison.name if out and len(what) == 1 else out
        options = RunOptions(again, folder, None, database, verb="compare")
        codes.append(run_and_report(options, Console(), scenario))
    raise typer.Exit(max(codes, default=ExitCode.OK))


def _comparisons(what: Sequence[str], populate: str | None) -> list[tuple[str, Comparison]]:
    if len(what) == 1:
        file = Path(what[0]).resolve()
        return [(named(str(file), each.name), each) for each in comparisons_in(file)]
    if len(what) != 2 or not populate:
        raise UsageError(
            "names no comparison",
            where="compare",
            remedy="write compare FILE, or compare old:f new:f --populate module:seed",
        )
    name = named(*what, populate)
    return [(name, comparison_of(name))]


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(each) for each in text.split(",")) if text else ()
    except ValueError:
        sizes = (0,)
    if sizes and (min(sizes) < 1 or list(sizes) != sorted(set(sizes))):
        raise UsageError(
            f"{text!r} is no list of sizes", where="--sizes", remedy="write growing numbers from 1: 10,30,100"
        )
    return sizes


def _scenario(name: str, comparison: Comparison, sizes: tuple[int, ...]) -> Scenario:
    roles = (ArmRole.REFERENCE, ArmRole.CANDIDATE)
    title = comparison.name.replace("::", " ")
    return Scenario(
        name=title.replace(":", ".").replace(" ", "-"),
        title=f"{title}: reference and candidate",
        why="Two functions of the user's own.",
        dataset=Dataset(size=sizes[-1]),
        workload=WorkloadSettings(kind="functions", sizes=sizes),
        network=Network(rtt_ms=(0.0,), judged_rtt_ms=0.0),
        arms=tuple(Arm(name=role.value, pipeline=name, role=role) for role in roles),
        claims=tuple(_claim(line, comparison) for line in comparison.claimed()),
        sha256="0" * 64,
        source=COMPARED,
    )


def _claim(line: str, comparison: Comparison) -> Claim:
    metric, _, claimed = (part.strip() for part in line.partition(":"))
    metric = "rows" if metric == "rows_received" else metric
    try:
        found = parse_claimed("reduction 0..100 %" if claimed == "no more" else claimed)
    except ValueError as error:
        raise UsageError(str(error), where=f"{comparison.name}: {line!r}", remedy="mend this claim") from None
    if definition(metric) is None:
        raise UsageError(
            f"there is no metric {metric!r}",
            where=f"{comparison.name}: {line!r}",
            remedy="see claimbench list",
        )
    return Claim(id=metric, source=comparison.name, quote=line, metric=metric, claimed=found)
