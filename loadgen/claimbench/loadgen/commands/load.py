"""The verb `claimbench load`: put both arms behind a service, under open arrivals, and judge them."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from claimbench.errors import UsageError
from claimbench.loadgen.commands.arm_choice import with_arms
from claimbench.loadgen.commands.measured import measured_into
from claimbench.loadgen.commands.options import DatabaseOption
from claimbench.loadgen.commands.out_folder import own_folder
from claimbench.loadgen.commands.surroundings import OWN_SERVERS
from claimbench.reports.pages.load import load_page
from claimbench.reports.record.store import LOAD
from claimbench.scenarios.load import Load
from claimbench.scenarios.loader import holds_targets, load_batch, load_targets
from claimbench.scenarios.model import BatchScenario

if TYPE_CHECKING:
    from claimbench.loadgen.load.target_workflow import TargetsRequest

LoadT = TypeVar("LoadT", Load, Load | None)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The command line of `claimbench load`; None leaves what the scenario says."""

    scenario: str
    out: Path | None = None
    arms: str | None = None
    database: str = "auto"
    processes: int | None = None
    blocks: int | None = None
    allow_host: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The words that run it again; a URL with its password stays out of them."""
        words = ["claimbench", "load", self.scenario]
        given = {"--arms": self.arms, "--processes": self.processes, "--blocks": self.blocks}
        for option, value in given.items():
            words += [option, str(value)] if value is not None else []
        for host in self.allow_host:
            words += ["--allow-host", host]
        if self.database in OWN_SERVERS:
            words += ["--database", self.database]
        return shlex.join(words)


def load(
    scenario: Annotated[
        str, typer.Argument(help="A scenario that has a load table, its TOML file, or a file of targets.")
    ] = "load",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to write; a new one below results/.")
    ] = None,
    arms: Annotated[
        str | None, typer.Option(help="Reference and candidate: naive,my_code:MyPipeline")
    ] = None,
    database: DatabaseOption = "auto",
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Generator processes, instead of the scenario's.")
    ] = None,
    blocks: Annotated[int | None, typer.Option(min=1, help="Blocks, instead of the scenario's.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another machine that a file of targets may load, by its name.")
    ] = None,
) -> None:
    """Load a service on each arm with the same open arrivals; compare waiting times and capacity.

    Requests are sent when they are due, whether or not the service keeps up, and a response time counts
    from that moment. A file of targets loads services of your own. Load stays on this machine, unless
    another one is allowed by its name.
    """
    options = LoadOptions(scenario, out, arms, database, processes, blocks, tuple(allow_host or ()))
    raise typer.Exit(load_and_report(options, Console()))


def load_and_report(options: LoadOptions, console: Console) -> int:
    """Run, write, show; the exit code is the verdict's."""
    # Not before: these need the libraries of the extra.
    from claimbench.loadgen.load.workflow import LoadRequest, load_of, run_load  # noqa: PLC0415 (as said above)

    if holds_targets(options.scenario):
        from claimbench.loadgen.load.target_workflow import run_targets  # noqa: PLC0415 (as said above)

        asked = _targets(options)
        name, measure = asked.scenario.name, partial(run_targets, asked)
    else:
        scenario = _chosen(options)
        request = LoadRequest(scenario, load_of(scenario), options.database, options.command)
        name, measure = scenario.name, partial(run_load, request)
    folder = own_folder(options.out, name, LOAD.file)
    return measured_into(folder, measure, load_page, console).verdict.exit_code


def _chosen(options: LoadOptions) -> BatchScenario:
    scenario = load_batch(options.scenario)
    if options.allow_host:
        raise UsageError(
            "the service of a scenario runs on this machine",
            where="--allow-host",
            remedy="leave it out, or give a file of targets",
        )
    if options.arms:
        scenario = with_arms(scenario, options.arms)
    return scenario.model_copy(update={"load": _changed(scenario.load, options)})


def _targets(options: LoadOptions) -> "TargetsRequest":
    """What a file of targets asks for, checked before anything is sent."""
    from claimbench.loadgen.load.target_workflow import TargetsRequest  # noqa: PLC0415 (as said above)

    scenario = load_targets(options.scenario)
    for option, is_given in (("--arms", bool(options.arms)), ("--database", options.database != "auto")):
        if is_given:
            raise UsageError("a file of targets has none", where=option, remedy="leave it out")
    scenario = scenario.model_copy(update={"load": _changed(scenario.load, options)})
    request = TargetsRequest(scenario, options.allow_host, options.command)
    request.check()
    return request


def _changed(load: LoadT, options: LoadOptions) -> LoadT:
    given = {"processes": options.processes, "blocks": options.blocks}
    changes = {name: value for name, value in given.items() if value is not None}
    return load.model_copy(update=changes) if load and changes else load
