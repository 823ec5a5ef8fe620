"""Work on several things at once, and things that are made one ahead of their use."""

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from claimbench.impl.parallel import TOGETHER_MAX, Ahead, ahead, in_parallel

SLOW = 2_500


def test_a_thing_is_made_while_the_one_before_it_is_used() -> None:
    second_is_made = threading.Event()

    def made() -> Iterator[bytes]:
        yield b"first"
        second_is_made.set()
        yield b"second"

    written = []
    for block in ahead(made()):
        assert second_is_made.wait(timeout=30)
        written.append(block)

    assert written == [b"first", b"second"]


def test_what_goes_wrong_in_making_a_thing_is_raised_where_it_is_used() -> None:
    def made() -> Iterator[bytes]:
        yield b"first"
        raise ValueError("no second")

    with pytest.raises(ValueError, match="no second"):
        list(ahead(made()))


def test_a_thing_is_not_made_before_it_is_asked_for() -> None:
    begun: list[int] = []

    def made() -> Iterator[int]:
        for place in range(2):
            begun.append(place)
            yield place

    with Ahead(made()) as coming:
        assert begun == []
        first = coming.take()
        assert (first, begun) == (0, [0])
        coming.begin()
        coming.begin()
        assert [coming.take(), coming.take(), coming.take()] == [1, None, None]


def test_without_threads_a_thing_is_made_when_it_is_taken() -> None:
    begun: list[int] = []

    def made() -> Iterator[int]:
        begun.append(threading.get_ident())
        yield 7

    with Ahead(made(), is_parallel=False) as coming:
        coming.begin()
        assert begun == []
        assert (coming.take(), coming.take()) == (7, None)

    assert begun == [threading.get_ident()]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_results_come_in_the_order_of_the_work(limit: int) -> None:
    assert list(in_parallel(lambda place: place * place, range(2_000), limit)) == [
        place * place for place in range(2_000)
    ]


def test_short_work_is_handed_over_several_items_at_once() -> None:
    """Else handing over takes longer than the work; those that take long go one by one."""
    threads: list[int] = []
    slow, released = threading.Event(), threading.Event()

    def work(place: int) -> int:
        threads.append(threading.get_ident())
        if place == SLOW:
            slow.set()
            released.wait(timeout=30)
        return place

    done = in_parallel(work, range(5_000), 2)
    for place in done:
        if slow.is_set():
            released.set()
        assert place <= SLOW or released.is_set()
    changes = sum(one != other for one, other in pairwise(threads))

    assert len(threads) == 5_000
    assert changes < 2_500


def test_what_is_done_is_yielded_before_an_error_of_the_work_is_raised() -> None:
    def work(place: int) -> int:
        if place == 700:
            raise ValueError("the seven hundredth")
        return place

    done: list[int] = []
    with pytest.raises(ValueError, match="the seven hundredth"):
        done.extend(in_parallel(work, range(1_000), 3))

    assert done[:700] == list(range(700))
    assert 700 not in done


def test_what_is_done_is_yielded_before_an_error_of_the_items_is_raised() -> None:
    def items() -> Iterator[int]:
        yield from range(100)
        raise ValueError("no more")

    done: list[int] = []
    with pytest.raises(ValueError, match="no more"):
        done.extend(in_parallel(lambda place: place, items(), 3))

    assert done == list(range(100))


def test_nothing_is_begun_that_was_not_taken_when_something_goes_wrong() -> None:
    """Of items that a thread has together, those after the one that fails are left."""
    begun: list[int] = []

    def work(place: int) -> int:
        begun.append(place)
        if place >= 300:
            raise ValueError(str(place))
        return place

    with pytest.raises(ValueError, match="300"):
        list(in_parallel(work, range(100_000), 2))

    assert max(begun) <= 300 + (2 * 2 + 2) * TOGETHER_MAX


def test_so_many_wait_as_are_under_way() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for place in range(100):
            begun.append(place)
            yield place

    first = next(in_parallel(lambda place: place, items(), 3))

    assert (first, begun) == (0, list(range(7)))
