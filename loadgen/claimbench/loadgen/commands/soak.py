"""The verb `claimbench soak`: one arm for long, with faults, and its database restarted in the middle."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.errors import UsageError
from claimbench.loadgen.commands.measured import measured_into
from claimbench.loadgen.commands.out_folder import own_folder
from claimbench.loadgen.commands.serve import duration_of
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, Faults, load_faults
from claimbench.reports.pages.soak import soak_page
from claimbench.reports.record.store import SOAK
from claimbench.scenarios.loader import load_batch
from claimbench.scenarios.model import Arm, ArmRole, Scenario

USUAL = Path(__file__).parents[1] / "soak" / "faults.toml"
SHORTEST_S = 10


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """The command line of `claimbench soak`; None leaves what the scenario says."""

    scenario: str = "soak"
    out: Path | None = None
    arm: str | None = None
    duration: str | None = None
    rate: float | None = None
    share: float = 0.7
    faults: str = "usual"
    database: str = "embedded"

    @property
    def command(self) -> str:
        """The words that run it again; a URL with its password stays out of them."""
        words = ["claimbench", "soak", self.scenario]
        given = {"--arm": self.arm, "--duration": self.duration, "--rate": self.rate}
        for option, value in given.items():
            words += [option, str(value)] if value is not None else []
        return shlex.join([*words, "--share", f"{self.share:g}", "--faults", self.faults])


def soak(
    scenario: Annotated[
        str, typer.Argument(help="A scenario that has a load table, or its TOML file.")
    ] = "soak",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to write; a new one below results/.")
    ] = None,
    arm: Annotated[str | None, typer.Option(help="An arm of the scenario; by default its candidate.")] = None,
    duration: Annotated[
        str | None, typer.Option(help="How long the load goes on, instead of the scenario's: 15min")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Arrivals per second, instead of a share of the capacity.")
    ] = None,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="The share of the capacity.")] = 0.7,
    faults: Annotated[str, typer.Option(help="usual, none, or a TOML file (docs/faults.md).")] = "usual",
) -> None:
    """Load a service for long, restart its database in the middle, and see what grew or got lost.

    The API fails in every way that it can, and at the end the oracle judges every request. The database is an
    embedded one, since it is restarted. Exit code 5 when work was lost, doubled or done wrong.
    """
    options = SoakOptions(scenario, out, arm, duration, rate, share, faults)
    raise typer.Exit(soak_and_report(options, Console()))


def soak_and_report(options: SoakOptions, console: Console) -> int:
    """Run, write, show; the exit code is the verdict's."""
    # Not before: these need the libraries of the extra.
    from claimbench.loadgen.load.workflow import load_of  # noqa: PLC0415 (as said above)
    from claimbench.loadgen.soak.rate import SoakRequest  # noqa: PLC0415 (as said above)
    from claimbench.loadgen.soak.workflow import run_soak  # noqa: PLC0415 (as said above)

    scenario = load_batch(options.scenario)
    asked = load_of(scenario)
    request = SoakRequest(
        scenario,
        asked,
        _arm(scenario, options.arm),
        _duration_s(options, sum(asked.lengths_s)),
        options.rate,
        options.share,
        _faults(options.faults),
        options.command,
    )
    if request.rate_per_s is not None:
        request.bearable(request.rate_per_s)
    folder = own_folder(options.out, scenario.name, SOAK.file)
    measure = partial(run_soak, request, options.database)
    return measured_into(folder, measure, soak_page, console).verdict.exit_code


def _arm(scenario: Scenario, name: str | None) -> Arm:
    for arm in scenario.arms:
        if arm.name == name or (name is None and arm.role is ArmRole.CANDIDATE):
            return arm
    names = ", ".join(arm.name for arm in scenario.arms)
    raise UsageError(f"there is no arm {name!r}", where="--arm", remedy=f"choose of {names}")


def _duration_s(options: SoakOptions, otherwise_s: float) -> float:
    if options.duration is None:
        return otherwise_s
    duration_s = duration_of(options.duration, where="--duration").total_seconds()
    if duration_s < SHORTEST_S:
        raise UsageError(
            f"{options.duration} is no soak", where="--duration", remedy=f"give at least {SHORTEST_S}s"
        )
    return duration_s


def _faults(named: str) -> Faults:
    if named == "none":
        return NO_FAULTS
    return load_faults(USUAL if named == "usual" else Path(named))
