from random import Random
from threading import Event, Thread

from claimbench.loadgen.verify.interleaving import Interleaving, Seat


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 (an order, not a secret)


def order_of(seed: int) -> list[str]:
    """Three at once, which note each of their steps."""
    noted: list[str] = []
    table = Interleaving(chance(seed), lambda _: False)

    def work(seat: Seat, name: str) -> None:
        for number in range(4):
            noted.append(f"{name}{number}")
            seat.step()

    seats = [table.seat(lambda: None) for _ in range(3)]
    table.run(
        [lambda seat=seat, name=name: work(seat, name) for seat, name in zip(seats, "abc", strict=True)]
    )
    return noted


def test_a_seed_gives_the_same_order_each_time_and_another_one_another() -> None:
    assert order_of(1) == order_of(1)
    assert len({tuple(order_of(seed)) for seed in range(5)}) == 5


def test_each_goes_through_all_of_its_steps_in_order() -> None:
    noted = order_of(3)

    assert [[one for one in noted if one[0] == name] for name in "abc"] == [
        [f"{name}{number}" for number in range(4)] for name in "abc"
    ]


def test_who_waits_for_the_lock_of_another_lets_it_go_on() -> None:
    """One waits inside the server until the other has let go: nobody would ever go on otherwise."""
    let_go, noted = Event(), []
    table = Interleaving(chance(1), lambda _: not let_go.is_set())
    waits, holds = table.seat(lambda: None), table.seat(lambda: None)

    def waiting() -> None:
        if waits.is_blocked(1):
            let_go.wait(10)
            waits.rejoin()
            noted.append("waited")

    def holding() -> None:
        holds.step()
        noted.append("holds")
        let_go.set()
        holds.step()

    thread = Thread(target=table.run, args=([waiting, holding],), daemon=True)
    thread.start()
    thread.join(10)

    assert noted == ["holds", "waited"]


def test_what_one_raises_is_raised_when_all_have_ended() -> None:
    table, ended = Interleaving(chance(0), lambda _: False), []
    first, second = table.seat(lambda: None), table.seat(lambda: None)

    def breaking() -> None:
        first.step()
        raise LookupError("a bug")

    def going_on() -> None:
        second.step()
        ended.append(second)

    try:
        table.run([breaking, going_on])
    except LookupError as error:
        ended.append(error)

    assert len(ended) == 2
