"""The verb `claimbench scale`: both arms at growing sizes, beside the limit of the same server."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from claimbench.errors import UsageError
from claimbench.loadgen.commands.arm_choice import with_arms
from claimbench.loadgen.commands.measured import measured_into
from claimbench.loadgen.commands.options import DatabaseOption
from claimbench.loadgen.commands.out_folder import own_folder
from claimbench.loadgen.commands.surroundings import OWN_SERVERS, forget_other_servers
from claimbench.loadgen.processes.ending import leave_if_told
from claimbench.loadgen.scale.points import read_points
from claimbench.reports.record.scale import Part
from claimbench.reports.record.store import SCALE
from claimbench.scenarios.loader import load_batch

POINTS = "10x10,10x100,10x1000,100x1000"
PARTS: tuple[Part, ...] = get_args(Part)
USUAL_PARTS = "points,limit"


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """The command line of `claimbench scale`."""

    scenario: str = "scale"
    arms: str | None = None
    points: str = POINTS
    parts: str = USUAL_PARTS
    out: Path | None = None
    budget_s: float = 300.0
    database: str = "auto"

    @property
    def command(self) -> str:
        """The words that run it again; a URL with its password stays out of them."""
        words = ["claimbench", "scale", self.scenario, "--points", self.points, "--parts", self.parts]
        words += ["--budget", f"{self.budget_s:g}"]
        if self.arms:
            words += ["--arms", self.arms]
        if self.database in OWN_SERVERS:
            words += ["--database", self.database]
        return shlex.join(words)


def scale(
    scenario: Annotated[str, typer.Argument(help="A scenario of the batch pipeline, or its file.")] = "scale",
    arms: Annotated[str | None, typer.Option(help="Reference and candidate: naive,optimized")] = None,
    points: Annotated[
        str, typer.Option(help="10x1000 is 10 companies with 1,000 waiting requests each.")
    ] = POINTS,
    parts: Annotated[str, typer.Option(help=f"all, or of {', '.join(PARTS)}.")] = USUAL_PARTS,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The folder to write.")] = None,
    budget: Annotated[
        float, typer.Option(min=1, help="Seconds that an arm may take at one size; beyond, it is continued.")
    ] = 300.0,
    database: DatabaseOption = "auto",
) -> None:
    """Measure the arms at growing sizes, beside the limit of the same server, and say what grows how.

    Ctrl-C writes what was measured. Exit code 5 when the arms do not do the same work at one of the sizes.
    """
    options = ScaleOptions(scenario, arms, points, parts, out, budget, database)
    raise typer.Exit(scale_and_report(options, Console()))


def scale_and_report(options: ScaleOptions, console: Console) -> int:
    """Measure, write, show; the exit code is the verdict's."""
    points, parts = read_points(options.points), read_parts(options.parts)
    scenario = load_batch(options.scenario)
    if options.arms:
        scenario = with_arms(scenario, options.arms)
    forget_other_servers(options.database)
    from claimbench.loadgen.scale.workflow import ScaleRequest, run_scale  # noqa: PLC0415 (takes a second to import)
    from claimbench.reports.pages.scale import scale_page  # noqa: PLC0415 (as above)

    request = ScaleRequest(scenario, points, parts, options.budget_s, options.database, options.command)
    folder = own_folder(options.out, f"scale-{scenario.name}", SCALE.file)
    record = measured_into(folder, partial(run_scale, request), scale_page, console)
    leave_if_told()
    return record.verdict.exit_code


def read_parts(text: str) -> tuple[Part, ...]:
    """The parts that `--parts` names, in the order in which they are taken."""
    if text.strip() == "all":
        return PARTS
    named = {name.strip() for name in text.split(",")}
    for name in sorted(named.difference(PARTS)):
        known = ", ".join(PARTS)
        raise UsageError(f"there is no part {name!r}", where="--parts", remedy=f"use all, or of {known}")
    return tuple(part for part in PARTS if part in named)
