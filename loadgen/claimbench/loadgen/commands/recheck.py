"""The verb `claimbench recheck`: compute every verdict again from the samples."""

from claimbench.errors import UsageError
from claimbench.loadgen.commands.options import ResultsArgument
from claimbench.loadgen.commands.progress import say
from claimbench.reports.judge.recheck import recheck as recheck_record
from claimbench.reports.record import store


def recheck(results: ResultsArgument) -> None:
    """Recompute every verdict from the raw samples, offline: exit 2 if the file says something else."""
    folder = results if results.is_dir() else results.parent
    record, gate = store.read(store.RUN, results), folder / "gate" / store.GATE.file
    found = recheck_record(record, store.read(store.GATE, gate) if gate.exists() else None)
    for difference in found.differences:
        say(difference)
    if found.differences:
        raise UsageError(
            f"{len(found.differences)} of {found.compared} values differ from their samples",
            where=str(results),
            remedy="the file was edited, or another version wrote it: run again",
        )
    say(f"all {found.compared} values follow from the samples")
