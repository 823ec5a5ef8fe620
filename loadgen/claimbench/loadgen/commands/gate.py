"""The gate's verbs on the command line."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.errors import UsageError
from claimbench.loadgen.gate.calibrating import CalibrateOptions, calibrate_and_report
from claimbench.loadgen.gate.checking import CheckOptions, check_and_report
from claimbench.loadgen.gate.selftesting import SelftestOptions, selftest_and_report
from claimbench.loadgen.gate.worktree import BaseEnvironment
from claimbench.reports.judge.gate import Tiers
from claimbench.reports.judge.recheck import recheck as recheck_record
from claimbench.reports.pages.trend import points_of, render
from claimbench.reports.record.baseline import baseline_of, read_baseline, write_baseline
from claimbench.reports.record.store import read_record, write_text
from claimbench.reports.render.gate_folder import read_gate

BASELINE = Path("claimbench-baseline.json")

ResultsArgument = Annotated[Path, typer.Argument(help="A results.json, or the folder that holds it.")]
FileOption = Annotated[Path, typer.Option("--file", "-f", help="The baseline's file, to be committed.")]
DatabaseOption = Annotated[
    str, typer.Option(help="auto, container, embedded, or a URL: postgresql://user@host/database")
]
ScenarioArgument = Annotated[str, typer.Argument(help="A scenario's name, or the path of a TOML file.")]

baseline_app = typer.Typer(
    name="baseline", help="Save and promote the committed counters.", no_args_is_help=True
)


def check(  # noqa: PLR0913, PLR0917 (Typer makes an option of each parameter)
    results: ResultsArgument,
    baseline: Annotated[Path | None, typer.Option(help="The committed counters to compare with.")] = None,
    base_rev: Annotated[str | None, typer.Option(help="Time this revision beside, in the same job.")] = None,
    base_environment: Annotated[
        BaseEnvironment, typer.Option(help="Install the base revision's own libraries, or share these.")
    ] = BaseEnvironment.OWN,
    scenario: Annotated[str | None, typer.Option(help="The scenario's file, if it moved.")] = None,
    tiers: Annotated[Tiers, typer.Option(help="All, or counters alone.")] = Tiers.ALL,
    believe: Annotated[
        list[str] | None, typer.Option(help="A metric whose large improvement is meant.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="Refuse rules below this machine's floor.")] = None,
    database: DatabaseOption = "auto",
    out: Annotated[Path | None, typer.Option(help="The folder to write; by default RESULTS/gate.")] = None,
    sarif: Annotated[
        Path | None, typer.Option(help="Search the candidate for N+1 and write this SARIF file.")
    ] = None,
) -> None:
    """Hold a run to its baseline and thresholds: exit 0 pass, 1 fail, 3 undecided, 4 not comparable."""
    options = CheckOptions(
        results=results,
        baseline=baseline,
        base_rev=base_rev,
        base_environment=base_environment,
        scenario=scenario,
        tiers=tiers,
        believed=tuple(believe or ()),
        calibration=calibration,
        database=database,
        out=out,
        sarif=sarif,
    )
    raise typer.Exit(check_and_report(options, Console()))


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
    read_baseline(file)
    _write(results, file, reason.strip())


def _write(results: Path, file: Path, reason: str) -> None:
    saved = baseline_of(read_record(results), reason)
    write_baseline(saved, file)
    _say(f"{len(saved.counters)} counters of {saved.scenario} in {file}; commit it")


def recheck(results: ResultsArgument) -> None:
    """Recompute every verdict from the raw samples, offline: exit 2 if the file says something else."""
    folder = results if results.is_dir() else results.parent
    found = recheck_record(read_record(results), read_gate(folder / "gate"))
    for difference in found.differences:
        _say(difference)
    if found.differences:
        raise UsageError(
            f"{len(found.differences)} of {found.compared} values differ from their samples",
            where=str(results),
            remedy="the file was edited, or another version wrote it: run again",
        )
    _say(f"all {found.compared} values follow from the samples")


def calibrate(  # noqa: PLR0913, PLR0917 (Typer makes an option of each parameter)
    scenario: ScenarioArgument = "smoke",
    blocks: Annotated[int, typer.Option(min=2, help="A/A blocks to record; 60 or more to simulate.")] = 60,
    simulations: Annotated[int, typer.Option(min=1, help="Gate runs to simulate from them.")] = 400,
    arm: Annotated[str, typer.Option(help="The pipeline to measure against itself.")] = "optimized",
    hog: Annotated[bool, typer.Option(help="Record a second time beside a CPU hog.")] = True,  # noqa: FBT002
    database: DatabaseOption = "auto",
    again: Annotated[
        Path | None, typer.Option("--from", help="Simulate from a recorded file; measure nothing.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("calibration.json"),
) -> None:
    """Measure the gate itself: false alarms, noise floors and smallest effects on this machine."""
    options = CalibrateOptions(scenario, blocks, simulations, arm, hog, database, again, out)
    calibrate_and_report(options, Console())


def selftest(
    scenario: ScenarioArgument = "smoke",
    blocks: Annotated[
        int, typer.Option(min=24, help="At most so many blocks for time and memory; half confirm a red.")
    ] = 48,
    arm: Annotated[str, typer.Option(help="The pipeline to wrap.")] = "optimized",
    tiers: Annotated[Tiers, typer.Option(help="All, or counters alone.")] = Tiers.ALL,
    database: DatabaseOption = "auto",
) -> None:
    """Inject regressions into a copy of the pipeline and see the gate turn red; exit 1 if it stays green."""
    options = SelftestOptions(scenario, blocks, arm, tiers, database)
    raise typer.Exit(selftest_and_report(options, Console()))


def trend(
    folder: Annotated[Path, typer.Argument(help="A folder with result folders in it, one for each run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("trend.html"),
) -> None:
    """Draw how the results of a folder developed, as one page."""
    points = points_of(folder)
    write_text(out, render(points, version("claimbench")))
    _say(f"{len(points)} runs in {out}")


def _say(text: str) -> None:
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
