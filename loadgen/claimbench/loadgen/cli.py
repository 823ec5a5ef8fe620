"""The `claimbench` command: a table of contents of what the harness does."""

import errno
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from claimbench.errors import ClaimbenchError, ExitCode

INTERRUPTED = 130
"""The exit code of a process that Ctrl-C ended, as shells have it."""

ABOUT = "Check published performance claims: same work first, then queries, memory and time, side by side."


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: its name, where its function (or group of functions) lies, and an example."""

    name: str
    place: str
    example: str

    def add_to(self, app: typer.Typer) -> None:
        """Import it and make it known; a command pays only for what it uses, so others stay unread."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=self.name, epilog=f"Example: {self.example}")
        else:
            app.command(self.name, epilog=f"Example: {self.example}")(found)


VERBS = (
    Verb("run", "claimbench.loadgen.running:run", "claimbench run smoke --out report"),
    Verb("report", "claimbench.loadgen.reporting:report", "claimbench report results/smoke-20261123-201500"),
    Verb("recheck", "claimbench.loadgen.gate.command:recheck", "claimbench recheck results/smoke-20261123"),
    Verb(
        "check",
        "claimbench.loadgen.gate.command:check",
        "claimbench check results/smoke --baseline base.json",
    ),
    Verb(
        "baseline", "claimbench.loadgen.gate.command:baseline_app", "claimbench baseline save results/smoke"
    ),
    Verb("calibrate", "claimbench.loadgen.gate.command:calibrate", "claimbench calibrate smoke --blocks 60"),
    Verb("selftest", "claimbench.loadgen.gate.command:selftest", "claimbench selftest smoke"),
    Verb("trend", "claimbench.loadgen.gate.command:trend", "claimbench trend results"),
    Verb(
        "verify",
        "claimbench.loadgen.verify.command:verify",
        "claimbench verify my_code:MyPipeline --seeds 500",
    ),
    Verb("list", "claimbench.loadgen.listing:list_all", "claimbench list"),
    Verb("load", "claimbench.loadgen.load.command:load", "claimbench load load-smoke --out report"),
    Verb("soak", "claimbench.loadgen.soak.command:soak", "claimbench soak --duration 15min"),
    Verb("mock", "claimbench.loadgen.fake_openai.command:mock", "claimbench mock --port 8080 --speed 3600"),
    Verb("serve", "claimbench.loadgen.serving:serve_verb", "claimbench serve --pipeline optimized"),
    Verb("worker", "claimbench.loadgen.serving:worker_verb", "claimbench worker --pipeline optimized"),
)


def main() -> None:
    """Run the command; every mistake of a user ends in one line and its exit code."""
    arguments = sys.argv[1:]
    with _one_line_for_each_mistake():
        code = command_line(arguments)(arguments, prog_name="claimbench", standalone_mode=False)
        if code == INTERRUPTED:  # Typer's word for Ctrl-C
            raise KeyboardInterrupt
        gc.freeze()  # the interpreter need not look through all that was imported before it ends
        sys.exit(code if isinstance(code, int) else ExitCode.OK)


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command with the verb that these arguments name, or with all of them to choose from."""
    app = typer.Typer(
        help=ABOUT,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(about)
    first = arguments[0] if arguments else "--help"
    named = [verb for verb in VERBS if verb.name == first]
    for verb in named or (() if first == "--version" else VERBS):
        verb.add_to(app)
    return app


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
        _leave(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _leave(f"{error.filename or 'disk'}: is full; free some space and run again", ExitCode.USAGE)
    except KeyboardInterrupt:
        _leave("interrupted; nothing was left running", INTERRUPTED)
    except TyperException as error:
        message = error.format_message().rstrip(".")  # empty when the help was all there was to say
        _leave(f"{message}; see claimbench --help" if message else "say what to do", ExitCode.USAGE)


def _leave(line: str, code: int) -> None:
    sys.stderr.write(f"claimbench: {line}\n")
    sys.exit(code)
