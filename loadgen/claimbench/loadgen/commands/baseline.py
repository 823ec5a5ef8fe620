"""The verbs `claimbench baseline save` and `promote`: the counters that are committed."""

from pathlib import Path
from typing import Annotated

import typer

from claimbench.errors import UsageError
from claimbench.loadgen.commands.options import ResultsArgument
from claimbench.loadgen.commands.progress import say
from claimbench.reports.judge.counters import baseline_of
from claimbench.reports.record import store

BASELINE = Path(store.BASELINE.file)

FileOption = Annotated[Path, typer.Option("--file", "-f", help="The baseline's file, to be committed.")]

baseline_app = typer.Typer(
    name="baseline", help="Save and promote the committed counters.", no_args_is_help=True
)


@baseline_app.command(
    epilog="Example: claimbench baseline save results/smoke --file claimbench-baseline.json"
)
def save(results: ResultsArgument, file: FileOption = BASELINE) -> None:
    """Save the counters of a run as the first baseline; an existing one is promoted, not overwritten."""
    if file.exists():
        raise UsageError(
            "there is a baseline already",
            where=str(file),
            remedy="promote with: claimbench baseline promote RESULTS --reason WHY",
        )
    _write(results, file, "first baseline")


@baseline_app.command(
    epilog="Example: claimbench baseline promote results/smoke --reason 'one look-up more for …'"
)
def promote(
    results: ResultsArgument,
    reason: Annotated[str, typer.Option(help="Why the new counters are right; it stands in the file.")],
    file: FileOption = BASELINE,
) -> None:
    """Accept the counters of a run in place of the committed ones, with a reason that the diff shows."""
    if not reason.strip():
        raise UsageError("the reason is empty", where="--reason", remedy="say why the new counters are right")
    store.read(store.BASELINE, file)
    _write(results, file, reason.strip())


def _write(results: Path, file: Path, reason: str) -> None:
    saved = baseline_of(store.read(store.RUN, results), reason)
    store.write(store.BASELINE, saved, file)
    say(f"{len(saved.counters)} counters of {saved.scenario} in {file}; commit it")
