"""The `claimbench` command: a table of contents of what the harness does."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.exceptions import TyperException

from claimbench.errors import ClaimbenchError, ExitCode
from claimbench.loadgen.fake_openai.command import mock
from claimbench.loadgen.listing import listing
from claimbench.loadgen.running import RunOptions, run_and_report
from claimbench.reports.folder import RESULTS, draw_folder
from claimbench.reports.store import read_record

INTERRUPTED = 130
"""The exit code of a process that Ctrl-C ended, as shells have it."""

app = typer.Typer(
    name="claimbench",
    help="Check published performance claims: same work first, then queries, memory and time, side by side.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioArgument = Annotated[str, typer.Argument(help="A scenario's name, or the path of a TOML file.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The folder to write; by default a new one below results/."),
]
ArmsOption = Annotated[
    str | None,
    typer.Option(help="Reference and candidate, by name or as module:attribute: naive,my_code:MyPipeline"),
]
DatabaseOption = Annotated[
    str, typer.Option(help="auto, container, embedded, or a URL: postgresql://user@host/database")
]


@app.command(epilog="Example: claimbench run smoke --out report")
def run(
    scenario: ScenarioArgument = "document",
    out: OutOption = None,
    arms: ArmsOption = None,
    database: DatabaseOption = "auto",
) -> None:
    """Measure the arms of a scenario, judge its claims, and write the report."""
    code = run_and_report(RunOptions(scenario, out, arms, database), Console())
    raise typer.Exit(code)


@app.command(epilog="Example: claimbench report results/document-20261123-201500")
def report(folder: Annotated[Path, typer.Argument(help="A folder with a results.json.")]) -> None:
    """Draw the report again from a results.json: the same files, byte for byte."""
    page = draw_folder(read_record(folder / RESULTS), folder)
    Console().print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)


@app.command("list", epilog="Example: claimbench list")
def list_() -> None:
    """Show the scenarios, the pipelines and the metrics that there are."""
    Console().print(listing())


app.command(epilog="Example: claimbench mock --port 8080 --speed 3600")(mock)


@app.callback(invoke_without_command=True)
def about(
    shows_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,  # noqa: FBT002
) -> None:
    """Check published performance claims."""
    if shows_version:
        typer.echo(f"claimbench {version('claimbench')}")
        raise typer.Exit


def main() -> None:
    """Run the command; every mistake of a user ends in one line and its exit code."""
    with _one_line_for_each_mistake():
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # Typer's word for Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else ExitCode.OK)


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
        _leave(f"{error.format_message()}; see claimbench --help", ExitCode.USAGE)


def _leave(line: str, code: int) -> None:
    sys.stderr.write(f"claimbench: {line}\n")
    sys.exit(code)
