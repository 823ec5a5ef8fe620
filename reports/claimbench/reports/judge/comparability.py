"""Whether there is anything to compare, and of the same kind: what keeps a green from being empty."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from claimbench.reports.judge.counters import Reading
from claimbench.reports.record.gate import Baseline, CounterEntry
from claimbench.reports.record.run import ResultRecord

MOST_LISTED = 3


@dataclass(frozen=True, slots=True)
class Sides:
    """The run under judgement with its counters, and the baseline."""

    record: ResultRecord
    readings: Sequence[Reading]
    baseline: Baseline | None


def complaints_about_run(record: ResultRecord, readings: Sequence[Reading]) -> Iterator[str]:
    """What the run itself should hold and does not, whatever the baseline: both sides may lack the same."""
    for arm in record.arms:
        if not any(each.arm == arm.name and each.metric == "round_trips" for each in readings):
            yield f"arm {arm.name!r} was not counted: run the whole scenario again"
        for rtt in record.scenario.rtt_ms:
            if not any(
                (each.arm, each.metric, each.rtt_ms) == (arm.name, "time", rtt) for each in record.samples
            ):
                yield f"arm {arm.name!r} was not timed at {rtt:g} ms: run the whole scenario again"


def complaints_about_pair(sides: Sides) -> Iterator[str]:
    """Why run and baseline cannot be compared; the first one matters most."""
    baseline = sides.baseline
    if baseline is None:
        return
    record = sides.record
    if baseline.run == record.digest:
        yield "the baseline was saved from the very run under judgement: run again and check that"
    if baseline.scenario != record.scenario.name:
        yield (
            f"the baseline is of scenario {baseline.scenario!r}, the run of {record.scenario.name!r}: "
            "name the other file"
        )
        return
    if baseline.scenario_sha256 != record.scenario.sha256:
        yield "the scenario was edited since the baseline was saved: promote a run of the present one"
    if baseline.dataset_hash != record.dataset_hash:
        yield "the dataset is another one (its hash differs): promote a run on the present one"
    yield from _missing(sides.readings, baseline)


def _missing(readings: Sequence[Reading], baseline: Baseline) -> Iterator[str]:
    arms = {each.arm for each in readings}
    for arm in sorted({entry.arm for entry in baseline.counters} - arms):
        yield f"arm {arm!r} of the baseline is not in the run: run it, or promote a run without it"
    units = {_place(each.entry): each.unit for each in readings}
    entries = [entry for entry in baseline.counters if entry.arm in arms]
    lost = [entry.name for entry in entries if _place(entry) not in units]
    if lost:
        more = f" and {len(lost) - MOST_LISTED} more" if len(lost) > MOST_LISTED else ""
        listed = ", ".join(lost[:MOST_LISTED])
        yield f"{listed}{more} of the baseline was not measured: mend the run, or promote one without it"
    for entry in entries:
        unit = units.get(_place(entry), entry.unit)
        if unit != entry.unit:
            yield f"{entry.name} is in {unit}, in the baseline in {entry.unit}: promote a run in this unit"


def _place(entry: CounterEntry) -> tuple[str, str, str, int]:
    return (entry.arm, entry.metric, entry.stage, entry.companies)
