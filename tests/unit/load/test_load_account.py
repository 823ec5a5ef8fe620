import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.load.arrivals import share
from claimbench.loadgen.load.packets import BYTES_MAX, Cell, LatencyKind, Mishap, Packet, decode, packed
from claimbench.loadgen.load.recorder import Finished, Recorder, Totals

OPERATIONS = ("read", "write")

integers = st.integers(0, 10_000)
cells = st.builds(Cell, integers, integers, st.sampled_from(LatencyKind), st.binary(max_size=3_000))
mishaps = st.builds(Mishap, integers, integers, st.text(max_size=80), integers)
parts = st.lists(st.one_of(cells, mishaps), max_size=30)


def requests(count: int) -> list[Finished]:
    chance = random.Random(4)  # noqa: S311 (no secret)
    found = []
    for position in range(count):
        due = position / 100
        sent = due + chance.expovariate(1_000)
        found.append(
            Finished(position % 2, due, sent, sent + chance.expovariate(50), "HTTP 503" * (position % 7 == 0))
        )
    return found


def ledger_of(requests: list[Finished], workers: int, flush_each: int = 100) -> Totals:
    """What a run with so many processes leaves behind, flushed now and then."""
    ledger = Totals(OPERATIONS, 1.0)
    for worker in range(workers):
        account = Recorder(worker, 1.0)
        for number, position in enumerate(share(len(requests), worker, workers)):
            account.finish(requests[position])
            if number % flush_each == 0:
                for packet in account.packets():
                    ledger.add(decode(packet.encode()))
        for packet in account.packets():
            ledger.add(decode(packet.encode()))
    return ledger


@given(st.integers(0, 9), parts)
def test_a_packet_reads_back_as_it_was_written(worker: int, parts: list[Cell | Mishap]) -> None:
    packet = Packet(worker, tuple(parts))

    assert decode(packet.encode()) == packet


@given(parts)
def test_packets_hold_every_part_in_order_and_keep_their_size(parts: list[Cell | Mishap]) -> None:
    packets = list(packed(1, parts))

    assert [part for packet in packets for part in packet.parts] == parts
    assert all(len(packet.encode()) <= BYTES_MAX for packet in packets)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_many_processes_merge_to_exactly_what_one_would_have_seen(workers: int) -> None:
    one, many = ledger_of(requests(600), 1), ledger_of(requests(600), workers, flush_each=30)

    assert many.total() == one.total()
    assert many.operations() == one.operations()
    assert many.series() == one.series()
    assert many.failures() == one.failures()


def test_response_time_counts_from_the_intended_start_and_service_time_from_the_real_one() -> None:
    total = ledger_of([Finished(0, due_s=1, sent_s=3, ended_s=3.5)], 1).total()

    assert total.response.max_ms == pytest.approx(2_500, rel=1e-3)
    assert total.service.max_ms == pytest.approx(500, rel=1e-3)
    assert total.lag.max_ms == pytest.approx(2_000, rel=1e-3)


def test_a_dropped_arrival_counts_as_arrived_and_not_as_failed() -> None:
    account, ledger = Recorder(0, 1.0), Totals(OPERATIONS, 1.0)
    account.drop(1, 2.5)
    account.finish(Finished(1, 2.6, 2.6, 2.7, "HTTP 500"))
    for packet in account.packets():
        ledger.add(packet)
    total = ledger.total()

    assert (total.arrivals, total.completed, total.failed, total.dropped) == (2, 1, 1, 1)
    assert [point.dropped for point in ledger.series()] == [1]
    assert [(each.operation, each.reason, each.count) for each in ledger.failures()] == [
        ("write", "HTTP 500", 1)
    ]


def test_a_window_belongs_to_the_intended_start_so_that_a_stall_shows_where_it_began() -> None:
    series = ledger_of([Finished(0, 0.5, 0.5, 9.5), Finished(0, 9.4, 9.4, 9.5)], 1).series()

    assert [point.at_s for point in series] == [0, 9]
    assert series[0].response_p95_ms == pytest.approx(9_000, rel=1e-3)


def test_an_account_is_empty_after_it_was_handed_over() -> None:
    account = Recorder(0, 1.0)
    account.finish(Finished(0, 0, 0, 1))

    assert len(account.packets()) == 1
    assert account.packets() == ()
