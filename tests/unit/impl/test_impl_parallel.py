"""Things that are made one ahead of their use."""

import threading
from collections.abc import Iterator

import pytest

from claimbench.impl.parallel import ahead, in_parallel


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


def test_what_is_done_ahead_is_bounded_by_its_weight() -> None:
    """Ten light things may wait, or one that is heavier than all that may; never more."""
    weights = [1] * 30 + [50, 1, 1]
    taken: list[int] = []
    begun: list[int] = []

    def items() -> Iterator[int]:
        for place in range(len(weights)):
            begun.append(place)
            yield place

    for done in in_parallel(lambda place: place, items(), 3, lambda place: weights[place], at_most=10):
        taken.append(done)
        ahead_of_it = sum(weights[place] for place in begun[len(taken) : -1])  # the last one waits its turn
        assert ahead_of_it <= 10 or begun[len(taken) : -1] == [30]

    assert taken == list(range(len(weights)))


def test_without_weights_so_many_wait_as_are_under_way() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for place in range(100):
            begun.append(place)
            yield place

    first = next(in_parallel(lambda place: place, items(), 3))

    assert (first, begun) == (0, list(range(7)))
