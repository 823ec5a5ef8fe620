"""Whether there is anything to compare, of the same kind, from a machine that was fit to measure."""

from collections.abc import Iterator, Sequence

from claimbench.errors import UsageError
from claimbench.reports.judge.counters import NOT_PORTABLE, Counter, unknown_to
from claimbench.reports.judge.folding import folded
from claimbench.reports.record.gate import Baseline, Fitness
from claimbench.reports.record.run import ResultRecord
from claimbench.scenarios.grammar import suggestion
from claimbench.scenarios.thresholds import BASE, Threshold

MOST_LISTED = 3


def complaints_about_run(record: ResultRecord, readings: Sequence[Counter]) -> Iterator[str]:
    """What the run itself should hold and does not, whatever the baseline: both sides may lack the same."""
    for arm in record.arms:
        if not any(each.arm == arm.name and each.metric == "round_trips" for each in readings):
            yield f"arm {arm.name!r} was not counted: run the whole scenario again"
        for rtt in () if record.time_invalid else record.scenario.rtt_ms:
            if not any(
                (each.arm, each.metric, each.rtt_ms) == (arm.name, "time", rtt) for each in record.samples
            ):
                yield f"arm {arm.name!r} was not timed at {rtt:g} ms: run the whole scenario again"


def complaints_about_pair(
    record: ResultRecord, readings: Sequence[Counter], baseline: Baseline | None
) -> Iterator[str]:
    """Why run and baseline cannot be compared; the first one matters most."""
    if baseline is None:
        return
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
    yield from _missing(readings, baseline)
    unknown = unknown_to(baseline, readings)
    if unknown:
        told = f"{len(unknown)} counters of the run, such as {folded(unknown[:MOST_LISTED])}"
        yield f"{told}, are not among the baseline's {len(baseline.counters)} counters: promote a run"


def _missing(readings: Sequence[Counter], baseline: Baseline) -> Iterator[str]:
    arms = {each.arm for each in readings}
    for arm in sorted({entry.arm for entry in baseline.counters} - arms):
        yield f"arm {arm!r} of the baseline is not in the run: run it, or promote a run without it"
    units = {each.entry.place: each.unit for each in readings}
    entries = [entry for entry in baseline.counters if entry.arm in arms]
    lost = [entry.name for entry in entries if entry.place not in units]
    if lost:
        more = f" and {len(lost) - MOST_LISTED} more" if len(lost) > MOST_LISTED else ""
        listed = ", ".join(lost[:MOST_LISTED])
        yield f"{listed}{more} of the baseline was not measured: mend the run, or promote one without it"
    for entry in entries:
        unit = units.get(entry.place, entry.unit)
        if unit != entry.unit:
            yield f"{entry.name} is in {unit}, in the baseline in {entry.unit}: promote a run in this unit"


def refuse_vacuous(record: ResultRecord, thresholds: Sequence[Threshold], believed: Sequence[str]) -> None:
    """Raise `UsageError` (exit 2) for an option or a rule that can be about nothing in this run."""
    measured = sorted({each.metric for each in record.samples} | {"time", "peak_memory"})
    for name in believed:
        if name not in measured:
            raise UsageError(
                f"metric {name!r} was not measured", where="--believe", remedy=suggestion(name, measured)
            )
    sizes, rtts = record.scenario.sizes, record.scenario.rtt_ms
    for threshold in thresholds:
        place = threshold.place
        if place.size is not None and place.size not in sizes:
            told = f"is about {place.size}, and the scenario has {', '.join(map(str, sizes))}"
            raise UsageError(told, where=str(threshold), remedy="name one of its sizes, or add this one")
        if place.rtt_ms is not None and (place.metric != "time" or place.rtt_ms not in rtts):
            told = (
                f"is about {place.rtt_ms:g} ms; time is measured at {', '.join(f'{rtt:g}' for rtt in rtts)}"
            )
            raise UsageError(told, where=str(threshold), remedy="name one of these of time, or add this one")
        if threshold.subject == BASE and place.metric in NOT_PORTABLE:
            raise UsageError(
                f"{place.metric} is in no baseline, since the server's settings decide it",
                where=str(threshold),
                remedy=f"write arm.{place.metric} or ratio.{place.metric}",
            )


LOAD_PER_CORE_MOST = 2.0
STEAL_SHARE_MOST = 0.10
CLOCK_STEP_MOST_S = 0.1
FREQUENCY_DROP_MOST = 0.3
RTT_OFF_MOST = 0.2
RTT_OFF_FREE_MS = 0.3
"""A relay in user space cannot be nearer than this to any time asked for."""


def unfit(fitness: Fitness) -> tuple[str, ...]:
    """Why it was not, a sentence each with what to do; nothing when it was."""
    return tuple(_reasons(fitness))


def _reasons(fitness: Fitness) -> Iterator[str]:
    load, steal, step = fitness.load_per_core, fitness.steal_share, fitness.clock_step_s
    if load is not None and load > LOAD_PER_CORE_MOST:
        yield f"{load:.1f} processes waited for each core: end what runs beside, or take a larger machine"
    if steal is not None and steal > STEAL_SHARE_MOST:
        yield f"the hypervisor gave {100 * steal:.0f} % of the time to others: run again on a quieter host"
    if step is not None and abs(step) > CLOCK_STEP_MOST_S:
        yield f"the clock was set by {step:+.1f} s meanwhile: run again once the time is synchronised"
    if fitness.frequency_drop is not None and fitness.frequency_drop > FREQUENCY_DROP_MOST:
        drop = 100 * fitness.frequency_drop
        yield f"the processor fell by {drop:.0f} % of its frequency: cool it, or fix its frequency"
    yield from _round_trip(fitness)


def _round_trip(fitness: Fitness) -> Iterator[str]:
    asked, achieved = fitness.rtt_asked_ms, fitness.rtt_achieved_ms
    if asked is None or achieved is None:
        return
    if abs(achieved - asked) > RTT_OFF_FREE_MS + RTT_OFF_MOST * asked:
        yield f"the round trip was {achieved:.2f} ms instead of {asked:g} ms: run again on a quieter machine"


def fitness_of_run(record: ResultRecord) -> Fitness:
    """What a run's environment says; names that it does not have stay None."""
    environment, rtt = record.environment, record.scenario.judged_rtt_ms
    load = _number(environment.get("load_average_1min"))
    cores = _number(environment.get("cores_usable"))
    return Fitness(
        load_per_core=load / cores if load is not None and cores else None,
        steal_share=_number(environment.get("steal_share")),
        clock_step_s=_number(environment.get("clock_step_s")),
        rtt_asked_ms=rtt,
        rtt_achieved_ms=_number(environment.get(f"rtt_{rtt:g}_ms_achieved")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
