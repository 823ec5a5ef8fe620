"""Things that are made one ahead of their use."""

import threading
from collections.abc import Iterator

import pytest

from claimbench.impl.parallel import ahead


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
