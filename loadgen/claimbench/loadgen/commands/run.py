"""`claimbench run`: settle what is to be run, run it, write the folder, say the verdict."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.errors import ExitCode
from claimbench.loadgen.commands.arm_choice import with_arms
from claimbench.loadgen.commands.extras import missing_of
from claimbench.loadgen.commands.options import DatabaseOption, ScenarioArgument
from claimbench.loadgen.commands.out_folder import own_folder
from claimbench.loadgen.commands.progress import say, shown_progress
from claimbench.loadgen.commands.surroundings import OWN_SERVERS, forget_other_servers
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.processes.importing import imported_for_good
from claimbench.reports.pages.run import run_page
from claimbench.reports.record import store
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Verdict, VerdictValue
from claimbench.reports.render import terminal
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Scenario

OF_CLAIMS = (VerdictValue.HOLDS, VerdictValue.EXCEEDED, VerdictValue.REFUTED, VerdictValue.INCONCLUSIVE)
"""The verdicts that claims give; the others say that the arms differ or that something is invalid."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line of `claimbench run`."""

    scenario: str
    out: Path | None
    arms: str | None
    database: str
    claims_decide: bool = True
    verb: str = "run"

    @property
    def command(self) -> str:
        """The words that run it again; a URL with its password stays out of them."""
        words = ["claimbench", self.verb, *shlex.split(self.scenario)]
        if self.arms:
            words += ["--arms", self.arms]
        if self.database in OWN_SERVERS:
            words += ["--database", self.database]
        if not self.claims_decide:
            words += ["--no-claims"]
        return shlex.join(words)

    def decides(self, verdict: Verdict) -> bool:
        """Whether the verdict decides the exit code: claims may not."""
        return self.claims_decide or verdict.value not in OF_CLAIMS

    def exit_code(self, verdict: Verdict) -> int:
        """The verdict's, or 0 where it decides nothing."""
        return verdict.exit_code if self.decides(verdict) else ExitCode.OK


def run(
    scenario: ScenarioArgument = "document",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The folder to write; by default a new one below results/."),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(help="Reference and candidate, by name or as module:attribute: naive,my_code:Mine"),
    ] = None,
    database: DatabaseOption = "auto",
    claims: Annotated[  # noqa: FBT002 (a flag of the command line)
        bool,
        typer.Option(help="Whether claims decide the exit code; a run for a gate ends with 0 without."),
    ] = True,
) -> None:
    """Measure the arms of a scenario, judge its claims, and write the report."""
    raise typer.Exit(run_and_report(RunOptions(scenario, out, arms, database, claims), Console()))


def run_and_report(options: RunOptions, console: Console, made: Scenario | None = None) -> int:
    """Run, write, show; the exit code is the verdict's.

    made: a scenario that no file holds. What takes seconds to import is imported beside the fork server,
    which does the same.
    """
    scenario = made or load(options.scenario)
    if options.arms:
        scenario = with_arms(scenario, options.arms)
    forget_other_servers(options.database)
    with own_folder(options.out, scenario.name, store.RUN.file) as folder:
        with shown_progress(console) as progress, Forks(scenario) as forks:
            with imported_for_good():
                from claimbench.loadgen.passes.workflow import RunRequest, run_scenario  # noqa: PLC0415 (see above)

                write_folder = _writer()
            record = run_scenario(RunRequest(scenario, options.database, options.command), forks, progress)
        page = write_folder(record, folder)
    terminal.show(run_page(record), console)
    say(f"report: {page}", console)
    if page.suffix != ".html":
        say("a page with pictures and junit.xml: pip install 'claimbench[report]'", console)
    if not options.decides(record.verdict):
        say("exit 0: what the claims came to decides nothing with --no-claims", console)
    return options.exit_code(record.verdict)


def _writer() -> Callable[[ResultRecord, Path], Path]:
    """What writes the folder: everything, or what an installation without extras can draw."""
    if missing_of("report"):
        from claimbench.reports.render.plain_folder import write_plain_folder  # noqa: PLC0415 (as said above)

        return write_plain_folder
    from claimbench.reports.render.folder import write_folder  # noqa: PLC0415 (as said above)

    return write_folder
