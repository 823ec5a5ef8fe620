"""The verb `claimbench check`: hold a run to its baseline and thresholds."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.loadgen.commands.options import DatabaseOption, ResultsArgument
from claimbench.loadgen.gate.checking import CheckOptions, check_and_report
from claimbench.loadgen.gate.worktree import BaseEnvironment
from claimbench.reports.judge.gate import Tiers


def check(  # noqa: PLR0913, PLR0917 (Typer makes an option of each parameter)
    results: ResultsArgument,
    baseline: Annotated[Path | None, typer.Option(help="The committed counters to compare with.")] = None,
    base_rev: Annotated[str | None, typer.Option(help="Time this revision beside, in the same job.")] = None,
    base_environment: Annotated[
        BaseEnvironment, typer.Option(help="Install the base revision's own libraries, or share these.")
    ] = BaseEnvironment.OWN,
    scenario: Annotated[str | None, typer.Option(help="The scenario's file, if it moved.")] = None,
    tiers: Annotated[Tiers, typer.Option(help="All, or counters alone.")] = Tiers.ALL,
    believe: Annotated[
        list[str] | None, typer.Option(help="A metric whose large improvement is meant.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="Refuse rules below this machine's floor.")] = None,
    database: DatabaseOption = "auto",
    out: Annotated[Path | None, typer.Option(help="The folder to write; by default RESULTS/gate.")] = None,
    sarif: Annotated[
        Path | None, typer.Option(help="Search the candidate for N+1 and write this SARIF file.")
    ] = None,
) -> None:
    """Hold a run to its baseline and thresholds: exit 0 pass, 1 fail, 3 undecided, 4 not comparable."""
    options = CheckOptions(
        results=results,
        baseline=baseline,
        base_rev=base_rev,
        base_environment=base_environment,
        scenario=scenario,
        tiers=tiers,
        believed=tuple(believe or ()),
        calibration=calibration,
        database=database,
        out=out,
        sarif=sarif,
    )
    raise typer.Exit(check_and_report(options, Console()))
