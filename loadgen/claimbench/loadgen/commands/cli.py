"""The `claimbench` command: a table of contents of what the harness does."""

import errno
import gc
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from claimbench.errors import ArmError, ClaimbenchError, ExitCode
from claimbench.loadgen.commands.surroundings import (
    draw_to_files,
    leave_without,
    look_here_for_modules,
    reach_loopback_directly,
    write_plainly,
)
from claimbench.loadgen.processes.ending import unwound_when_told
from claimbench.loadgen.processes.importing import imported_for_good

INTERRUPTED, TERMINATED = 130, 143
"""The exit codes of a process that Ctrl-C or SIGTERM ended, as shells have them."""

SERVING = ("mock", "serve", "worker")
"""Verbs that end well when they are told to."""

ABOUT = "Check published performance claims: same work first, then queries, memory and time, side by side."


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: its name, what it does in one line, where its function (or group) lies, an example, and the
    extra that it needs.
    """

    name: str
    about: str
    place: str
    example: str
    extra: str = ""

    def announce_in(self, app: typer.Typer) -> None:
        """Make its name and line known without reading its code: a list of verbs is there at once."""
        app.command(self.name, help=self.about)(_only_announced)

    def add_to(self, app: typer.Typer) -> None:
        """Import it and make it known, so that it can be called."""
        if self.extra:
            from claimbench.loadgen.commands.extras import require  # noqa: PLC0415 (a list of verbs needs none)

            require(self.extra, f"claimbench {self.name}")
        module, _, attribute = self.place.partition(":")
        with imported_for_good():
            found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=self.name, epilog=f"Example: {self.example}")
        else:
            app.command(self.name, epilog=f"Example: {self.example}")(found)


VERBS = (
    Verb(
        "run",
        "Measure the arms of a scenario, judge its claims, and write the report.",
        "claimbench.loadgen.commands.run:run",
        "claimbench run smoke --out report",
        "openai",
    ),
    Verb(
        "compare",
        "Compare two functions of your own: the same work first, then counts, growth, memory and time.",
        "claimbench.loadgen.commands.compare:compare",
        "claimbench compare shop_bench.py",
    ),
    Verb(
        "report",
        "Draw the report again from its results: the same files, byte for byte.",
        "claimbench.loadgen.commands.report:report",
        "claimbench report results/smoke-20261123-201500",
        "report",
    ),
    Verb(
        "recheck",
        "Recompute all that is derived from the samples, offline: exit 2 if the file says something else.",
        "claimbench.loadgen.commands.recheck:recheck",
        "claimbench recheck results/smoke-20261123",
        "report",
    ),
    Verb(
        "check",
        "Hold a run to its baseline and thresholds: exit 0 pass, 1 fail, 3 undecided, 4 not comparable.",
        "claimbench.loadgen.commands.check:check",
        "claimbench check results/smoke --baseline base.json",
        "report",
    ),
    Verb(
        "baseline",
        "Save and promote the committed counters.",
        "claimbench.loadgen.commands.baseline:baseline_app",
        "claimbench baseline save results/smoke",
        "report",
    ),
    Verb(
        "calibrate",
        "Measure the gate itself: false alarms, noise floors and smallest effects on this machine.",
        "claimbench.loadgen.commands.calibrate:calibrate",
        "claimbench calibrate smoke --blocks 60",
        "openai",
    ),
    Verb(
        "selftest",
        "Inject regressions into a copy of the pipeline and see the gate turn red; exit 1 if it stays green.",
        "claimbench.loadgen.commands.selftest:selftest",
        "claimbench selftest smoke",
        "openai",
    ),
    Verb(
        "trend",
        "Draw how the results of a folder developed, as one page.",
        "claimbench.loadgen.commands.trend:trend",
        "claimbench trend results",
        "report",
    ),
    Verb(
        "verify",
        "Run a pipeline through histories of faults, crashes and clock jumps, and judge what it did.",
        "claimbench.loadgen.commands.verify:verify",
        "claimbench verify my_code:MyPipeline --seeds 500",
        "openai",
    ),
    Verb(
        "list",
        "Show the scenarios, the pipelines and the metrics that there are.",
        "claimbench.loadgen.commands.listing:list_all",
        "claimbench list",
    ),
    Verb(
        "load",
        "Load a service on each arm with the same open arrivals; compare waiting times and capacity.",
        "claimbench.loadgen.commands.load:load",
        "claimbench load load-smoke --out report",
        "load",
    ),
    Verb(
        "soak",
        "Load a service for long, restart its database in the middle, and see what grew or got lost.",
        "claimbench.loadgen.commands.soak:soak",
        "claimbench soak --duration 15min",
        "load",
    ),
    Verb(
        "scale",
        "Measure the arms at growing sizes, beside the limit of the same server, and say what grows how.",
        "claimbench.loadgen.commands.scale:scale",
        "claimbench scale --points 10x100,10x1000",
        "openai",
    ),
    Verb(
        "mock",
        "Serve a fake OpenAI: files, batches and chat completions, at high speed, until Ctrl-C.",
        "claimbench.loadgen.commands.mock:mock",
        "claimbench mock --port 8080 --speed 3600",
        "openai",
    ),
    Verb(
        "serve",
        "Serve the pipeline over HTTP, with an admin page at /admin and API docs at /docs.",
        "claimbench.loadgen.commands.serve:serve_verb",
        "claimbench serve --demo",
        "service",
    ),
    Verb(
        "worker",
        "Run the stages for a service that runs elsewhere; any number of workers may share a database.",
        "claimbench.loadgen.commands.serve:worker_verb",
        "claimbench worker --pipeline optimized",
        "service",
    ),
)


def main() -> None:
    """Run the command; every mistake of a user ends in one line and its exit code."""
    arguments = sys.argv[1:]
    serves = any(word in SERVING for word in arguments[:1])
    with _one_line_for_each_mistake(), nullcontext() if serves else unwound_when_told():
        write_plainly((sys.stdout, sys.stderr))
        look_here_for_modules()
        reach_loopback_directly()
        draw_to_files()
        code = command_line(arguments)(arguments, prog_name="claimbench", standalone_mode=False)
        if code == INTERRUPTED:  # Typer's word for Ctrl-C
            raise KeyboardInterrupt
        gc.freeze()  # the interpreter need not look through all that was imported before it ends
        sys.exit(code if isinstance(code, int) else ExitCode.OK)


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command with the verb that these arguments name, or with the names of all to choose from."""
    app = typer.Typer(
        help=ABOUT,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(about)
    first = next((word for word in arguments if not word.startswith("-")), "")
    named = [verb for verb in VERBS if verb.name == first]
    for verb in named:
        verb.add_to(app)
    for verb in () if named else VERBS:
        verb.announce_in(app)
    return app


def _only_announced() -> None:
    """Stand for the verbs of a list; whichever is called was read."""


def about(
    shows_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,  # noqa: FBT002 (a flag of the command line)
) -> None:
    """Check published performance claims."""
    if shows_version:
        typer.echo(f"claimbench {version('claimbench')}")
        raise typer.Exit


@contextmanager
def _one_line_for_each_mistake() -> Iterator[None]:
    try:
        yield
    except ClaimbenchError as error:
        if isinstance(error, ArmError) and error.__cause__:
            traceback.print_exception(error.__cause__)
        _leave(str(error), error.exit_code)
    except KeyboardInterrupt:
        _leave("interrupted; nothing was left running", INTERRUPTED)
    except SystemExit as error:
        if error.code == TERMINATED:
            _leave("told to end by SIGTERM; nothing was left running", TERMINATED)
        raise
    except TyperException as error:
        message = error.format_message().rstrip(".")  # empty when the help was all there was to say
        _leave(f"{message}; see claimbench --help" if message else "say what to do", ExitCode.USAGE)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("claimbench"):
            leave_without(error.name or str(error))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _leave(f"{error.filename or 'disk'}: is full; free some space and run again", ExitCode.USAGE)
        traceback.print_exc()
        _leave(f"a fault of its own ({type(error).__name__}); please report the lines above", ExitCode.FAULT)


def _leave(line: str, code: int) -> None:
    from claimbench.reports.wording import log_line, printable  # noqa: PLC0415 (a list of verbs needs none)

    sys.stderr.write(f"claimbench: {log_line(printable(line))}\n")
    sys.exit(code)
