"""The verb `claimbench recheck`: compute everything that is derived again from the samples."""

from pathlib import Path

from claimbench.errors import NothingToCompareError, UsageError
from claimbench.loadgen.commands.options import COMPARED, ResultsArgument, ScenarioOption
from claimbench.loadgen.commands.progress import say
from claimbench.reports.judge.recheck import Rechecked
from claimbench.reports.judge.recheck import recheck as recheck_record
from claimbench.reports.record import store
from claimbench.reports.record.run import ResultRecord
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Scenario


def recheck(results: ResultsArgument, scenario: ScenarioOption = None) -> None:
    """Recompute all that is derived from the samples, offline: exit 2 if the file says something else."""
    found = rechecked(store.read(store.RUN, results), results, scenario)
    say(f"all {found.compared} values follow from the samples")


def rechecked(record: ResultRecord, results: Path, named: str | None) -> Rechecked:
    """Say each difference, and raise `UsageError` (exit 2) if there are any."""
    gate = (results if results.is_dir() else results.parent) / "gate" / store.GATE.file
    judged = store.read(store.GATE, gate) if gate.exists() else None
    found = recheck_record(record, judged, scenario_of(record, named))
    for difference in found.differences:
        say(difference)
    if found.differences:
        raise UsageError(
            f"{len(found.differences)} of {found.compared} values differ from their samples",
            where=str(results),
            remedy="the file was edited, or another version wrote it: run again",
        )
    return found


def scenario_of(record: ResultRecord, named: str | None) -> Scenario:
    """The scenario that a run was of: by the option, by what the run loaded, or by its name.

    Raises `NothingToCompareError` (exit 4) if it was edited since.
    """
    name = named or record.scenario.source or record.scenario.name
    if name == COMPARED:
        raise UsageError(
            "has no scenario of its own to recheck it by",
            where=f"a result of {record.command}",
            remedy="run that command again",
        )
    scenario = load(name)
    if scenario.sha256 != record.scenario.sha256:
        raise NothingToCompareError(
            "the scenario was edited since the run",
            where=name,
            remedy="run it again, or name the file that was run with --scenario",
        )
    return scenario
