"""The verb `claimbench selftest`: regressions that the gate must find."""

from typing import Annotated

import typer
from rich.console import Console

from claimbench.loadgen.commands.options import DatabaseOption, ScenarioArgument
from claimbench.loadgen.gate.selftesting import SelftestOptions, selftest_and_report
from claimbench.reports.judge.gate import Tiers


def selftest(
    scenario: ScenarioArgument = "smoke",
    blocks: Annotated[
        int, typer.Option(min=24, help="At most so many blocks for time and memory; half confirm a red.")
    ] = 48,
    arm: Annotated[str, typer.Option(help="The pipeline to wrap.")] = "optimized",
    tiers: Annotated[Tiers, typer.Option(help="All, or counters alone.")] = Tiers.ALL,
    database: DatabaseOption = "auto",
) -> None:
    """Inject regressions into a copy of the pipeline and see the gate turn red; exit 1 if it stays green."""
    options = SelftestOptions(scenario, blocks, arm, tiers, database)
    raise typer.Exit(selftest_and_report(options, Console()))
