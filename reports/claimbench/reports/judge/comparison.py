"""From samples to metrics: the arms beside each other, block by block."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.reports.judge import statistics
from claimbench.reports.record.run import Metric
from claimbench.reports.record.values import ArmRecord, Interval, Sample, Spread
from claimbench.scenarios import metrics as catalogue

Blocks = Mapping[int, list[float]]


@dataclass(frozen=True, slots=True)
class _MetricKey:
    """Where a number belongs: all of a sample but its arm, block and value."""

    metric: str
    stage: str
    unit: str
    rtt_ms: float
    size: int

    def order(self) -> tuple[object, ...]:
        names = [each.name for each in catalogue.CATALOGUE]
        found = catalogue.definition(self.metric)
        stages = found.stages if found else ()
        return (
            names.index(self.metric) if found else len(names),
            self.metric,
            stages.index(self.stage) if self.stage in stages else len(stages),
            self.stage,
            self.unit,
            self.size,
            self.rtt_ms,
        )


def compare(samples: Iterable[Sample], arms: Sequence[ArmRecord]) -> tuple[Metric, ...]:
    """One metric per place that was measured, in the order of the catalogue, its stages and sizes.

    Samples of the same arm and block are one replication: their median counts. Blocks that only
    one arm has are left out, unless the metric is the candidate's alone.
    """
    places: dict[_MetricKey, dict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    notes: dict[_MetricKey, dict[str, None]] = defaultdict(dict)
    for sample in samples:
        place = _MetricKey(sample.metric, sample.stage, sample.unit, sample.rtt_ms, sample.size)
        places[place][sample.arm][sample.block].append(sample.value)
        if sample.note:
            notes[place][sample.note] = None
    in_order = sorted(places, key=_MetricKey.order)
    return tuple(_metric(place, places[place], arms, tuple(notes[place])) for place in in_order)


def _metric(
    place: _MetricKey, by_arm: Mapping[str, Blocks], arms: Sequence[ArmRecord], notes: tuple[str, ...]
) -> Metric:
    shared = set.intersection(*(set(blocks) for blocks in by_arm.values())) or set().union(*by_arm.values())
    paired = {arm: _values(blocks, shared) for arm, blocks in by_arm.items()}
    return Metric(
        metric=place.metric,
        stage=place.stage,
        unit=place.unit,
        rtt_ms=place.rtt_ms,
        size=place.size,
        blocks=len(shared),
        values={arm: float(np.median(values)) for arm, values in paired.items()},
        spread={arm: Spread(low=values.min(), high=values.max()) for arm, values in paired.items()},
        reduction=_reduction(place.metric, paired, arms),
        notes=notes,
    )


def _values(blocks: Blocks, shared: Iterable[int]) -> statistics.Values:
    return np.array([np.median(blocks[block]) for block in sorted(shared) if block in blocks])


def _reduction(
    metric: str, paired: Mapping[str, statistics.Values], arms: Sequence[ArmRecord]
) -> Interval | None:
    reference, candidate = (
        next((paired[arm.name] for arm in arms if arm.role == role and arm.name in paired), None)
        for role in ("reference", "candidate")
    )
    if reference is None or candidate is None or len(reference) != len(candidate):
        return None
    found = catalogue.definition(metric)
    exact = found is not None and found.tier is catalogue.Tier.COUNTER
    if len(reference) < 2 and not exact:
        return None
    if found is not None and found.better is catalogue.Better.HIGHER:
        return None
    if not exact and len(reference) < statistics.FEW_BLOCKS_BELOW:
        return statistics.observed_reduction(reference, candidate)
    return statistics.reduction(reference, candidate)
