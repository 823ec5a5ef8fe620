"""The verb `claimbench calibrate`: measure the gate itself."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.loadgen.commands.options import DatabaseOption, ScenarioArgument
from claimbench.loadgen.gate.calibrating import CalibrateOptions, calibrate_and_report
from claimbench.scenarios.grammar import LARGEST_COUNT


def calibrate(  # noqa: PLR0913, PLR0917 (Typer makes an option of each parameter)
    scenario: ScenarioArgument = "smoke",
    blocks: Annotated[
        int, typer.Option(min=2, max=LARGEST_COUNT, help="A/A blocks to record; 60 or more to simulate.")
    ] = 60,
    simulations: Annotated[
        int, typer.Option(min=1, max=LARGEST_COUNT, help="Gate runs to simulate from them.")
    ] = 400,
    arm: Annotated[str, typer.Option(help="The pipeline to measure against itself.")] = "optimized",
    hog: Annotated[bool, typer.Option(help="Record a second time under CPU load.")] = True,  # noqa: FBT002
    database: DatabaseOption = "auto",
    again: Annotated[
        Path | None, typer.Option("--from", help="Simulate from a recorded file; measure nothing.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("calibration.json"),
) -> None:
    """Measure the gate itself: false alarms, noise floors and smallest effects on this machine."""
    options = CalibrateOptions(scenario, blocks, simulations, arm, hog, database, again, out)
    calibrate_and_report(options, Console())
