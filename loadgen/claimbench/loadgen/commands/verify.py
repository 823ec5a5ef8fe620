"""The verb `claimbench verify`: prove a pipeline right, or show the shortest history in which it is not."""

import os
from typing import Annotated

import typer
from rich.console import Console

from claimbench.errors import ExitCode, UsageError
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.commands.options import DatabaseOption
from claimbench.loadgen.commands.progress import shown_progress
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.verify.verification import FailedSeed, open_laboratory
from claimbench.loadgen.verify.verification import verify as run_verification
from claimbench.loadgen.verify.workers import Assignment

NOT_HERE = (FaultKind.SLOW_BODY,)
"""Time is simulated: a slow body is as any other."""


def verify(
    pipeline: Annotated[str, typer.Argument(help="A registered name, or your own as module:attribute.")],
    faults: Annotated[
        str, typer.Option(help="all, none, or names separated by commas: expire,reset_after (docs/faults.md)")
    ] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="How many histories.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="The seed of the first one.")] = 1,
    database: DatabaseOption = "auto",
    jobs: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0 takes one for each core.")] = 0,
) -> None:
    """Run a pipeline through histories of faults, crashes and clock jumps, and judge what it did.

    Exit code 5 when an invariant is violated: then its seed, its words and the shortest history are shown.
    """
    find_pipeline(pipeline)  # a wrong name is told before a server is started
    assignment = Assignment(pipeline, chosen_kinds(faults), tuple(range(first, first + seeds)))
    processes = min(jobs or os.cpu_count() or 1, seeds)
    with (
        shown_progress(Console()) as progress,
        open_laboratory(database, processes, progress.note) as laboratory,
    ):
        failed = run_verification(assignment, laboratory, progress.step)
    if failed is None:
        typer.echo(
            f"{pipeline}: {seeds} histories (seeds {first} to {first + seeds - 1}), no invariant violated"
        )
        return
    typer.echo(report_of(pipeline, faults, failed))
    raise typer.Exit(ExitCode.NOT_EQUIVALENT)


def chosen_kinds(faults: str) -> tuple[FaultKind, ...]:
    """The kinds that `--faults` names."""
    if faults == "all":
        return tuple(kind for kind in FaultKind if kind not in NOT_HERE)
    if faults == "none":
        return ()
    return tuple(_kind(name.strip()) for name in faults.split(","))


def _kind(name: str) -> FaultKind:
    try:
        return FaultKind(name)
    except ValueError:
        raise UsageError(
            f"there is no fault {name!r}",
            where="--faults",
            remedy=f"use all, none, or {', '.join(FaultKind)}",
        ) from None


def report_of(pipeline: str, faults: str, failed: FailedSeed) -> str:
    """The violated invariant in words, the shortest history, and the command that repeats it."""
    raised = failed.errors
    more = f", and {len(raised) - 1} more" if len(raised) > 1 else ""
    return "\n".join(
        (
            f"{pipeline}: seed {failed.seed}",
            str(failed.violation),
            *([f"raised: {raised[0]}{more}"] if raised else []),
            "shortest:",
            str(failed.shortest),
            f"again: claimbench verify {pipeline} --faults {faults} --first {failed.seed} --seeds 1",
        )
    )
