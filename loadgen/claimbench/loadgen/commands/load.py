"""The verb `claimbench load`: put both arms behind a service, under open arrivals, and judge them."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.loadgen.commands.arm_choice import with_arms
from claimbench.loadgen.commands.options import DatabaseOption
from claimbench.loadgen.commands.out_folder import own_folder
from claimbench.loadgen.commands.progress import say, shown_progress
from claimbench.loadgen.commands.surroundings import OWN_SERVERS
from claimbench.reports.pages.load import load_page
from claimbench.reports.record.store import LOAD
from claimbench.reports.render import terminal
from claimbench.scenarios.loader import load_batch
from claimbench.scenarios.model import BatchScenario


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The command line of `claimbench load`; None leaves what the scenario says."""

    scenario: str
    out: Path | None = None
    arms: str | None = None
    database: str = "auto"
    processes: int | None = None
    blocks: int | None = None

    @property
    def command(self) -> str:
        """The words that run it again; a URL with its password stays out of them."""
        words = ["claimbench", "load", self.scenario]
        given = {"--arms": self.arms, "--processes": self.processes, "--blocks": self.blocks}
        for option, value in given.items():
            words += [option, str(value)] if value is not None else []
        if self.database in OWN_SERVERS:
            words += ["--database", self.database]
        return shlex.join(words)


def load(
    scenario: Annotated[
        str, typer.Argument(help="A scenario that has a load table, or its TOML file.")
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
) -> None:
    """Load a service on each arm with the same open arrivals; compare waiting times and capacity.

    Requests are sent when they are due, whether or not the service keeps up, and a response time counts
    from that moment. The service runs on this machine, and load goes nowhere else.
    """
    options = LoadOptions(scenario, out, arms, database, processes, blocks)
    raise typer.Exit(load_and_report(options, Console()))


def load_and_report(options: LoadOptions, console: Console) -> int:
    """Run, write, show; the exit code is the verdict's."""
    # Not before: these need the libraries of the extra.
    from claimbench.loadgen.load.workflow import LoadRequest, load_of, run_load  # noqa: PLC0415 (as said above)
    from claimbench.reports.render.folder import write_folder  # noqa: PLC0415 (takes a second to import)

    scenario = _chosen(options)
    asked = load_of(scenario)
    with own_folder(options.out, scenario.name, LOAD.file) as folder:
        with shown_progress(console) as progress:
            record = run_load(LoadRequest(scenario, asked, options.database, options.command), progress)
        page = write_folder(record, folder)
    terminal.show(load_page(record), console)
    say(f"report: {page}", console)
    return record.verdict.exit_code


def _chosen(options: LoadOptions) -> BatchScenario:
    scenario = load_batch(options.scenario)
    if options.arms:
        scenario = with_arms(scenario, options.arms)
    given = {"processes": options.processes, "blocks": options.blocks}
    changes = {name: value for name, value in given.items() if value is not None}
    if scenario.load is None or not changes:
        return scenario
    return scenario.model_copy(update={"load": scenario.load.model_copy(update=changes)})
