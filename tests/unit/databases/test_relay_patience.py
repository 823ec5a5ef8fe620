"""A relay on a busy machine: calibrated again, with patience, and never the end of a run."""

from collections.abc import Iterator

import pytest

from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.bench.relay.calibration import CORRECTIONS, PAUSES_S, Added, calibrated


class Machine:
    """A relay whose delay is what was corrected, on a machine that adds this at each measurement."""

    def __init__(self, added: Iterator[float]) -> None:
        self.delay, self.slept = 1.0, list[float]()
        self._added = added

    def measure(self) -> Added:
        return Added(self.delay + next(self._added), 0.5)

    def correct(self, by_ms: float) -> None:
        self.delay = max(0.0, self.delay + by_ms)


def loud_for(measurements: int) -> Iterator[float]:
    for number in range(10_000):
        yield (6.0 if number % 2 else 3.0) if number < measurements else 0.2


def calibrate(machine: Machine) -> Added:
    return calibrated(1.0, machine.measure, machine.correct, machine.slept.append)


def test_a_quiet_machine_is_calibrated_at_once() -> None:
    machine = Machine(loud_for(0))

    assert calibrate(machine).median_ms == pytest.approx(1.0, abs=0.03)
    assert machine.slept == []


def test_a_machine_that_is_loud_for_a_while_is_waited_for() -> None:
    machine = Machine(loud_for(CORRECTIONS + 1))

    assert calibrate(machine).median_ms == pytest.approx(1.0, abs=0.03)
    assert machine.slept == [PAUSES_S[0]]


def test_a_machine_that_stays_loud_gives_a_way_with_a_doubt_and_no_error() -> None:
    machine = Machine(loud_for(10_000))
    added = calibrate(machine)
    way = Relayed("postgresql://h/d", 1.0, added.median_ms, added.noise_ms)  # type: ignore[arg-type]

    assert machine.slept == list(PAUSES_S)
    assert "1 ms was asked for" in way.doubt
    assert "noise of 0.50 ms" in way.doubt


def test_a_way_that_is_as_asked_has_no_doubt() -> None:
    assert not Relayed("postgresql://h/d", 1.0, 1.1).doubt  # type: ignore[arg-type]
