"""Whether the machine was fit to measure times on. Counters do not ask: they are the same everywhere."""

from collections.abc import Iterator

from claimbench.reports.record.gate import Fitness
from claimbench.reports.record.run import ResultRecord

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
