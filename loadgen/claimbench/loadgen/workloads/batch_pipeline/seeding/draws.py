"""The numbers of `random.Random`, many at a time: the same sequence on every machine and Python version.

Python's Mersenne Twister makes words of 32 bits, of which `random()` takes two and `randrange` one or more.
numpy has the same twister, so its words are taken and turned into the same numbers.
"""

import random
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WORDS_AT_ONCE = 1 << 16
"""How many more words are made whenever there are too few."""


class Draws:
    """The sequence of `random.Random(text)`."""

    def __init__(self, text: str) -> None:
        _, (*key, place), _ = random.Random(text).getstate()  # noqa: S311 (data, not secrets)
        self._twister = np.random.MT19937()
        self._twister.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(key, dtype=np.uint32), "pos": place},
        }
        self._words = np.empty(0, dtype=np.uint32)

    def _ahead(self, count: int) -> npt.NDArray[np.uint32]:
        """The next words, which stay where they are."""
        missing = count - len(self._words)
        if missing > 0:
            made = self._twister.random_raw(max(missing, WORDS_AT_ONCE)).astype(np.uint32)
            self._words = np.concatenate([self._words, made])
        return self._words[:count]

    def _skip(self, count: int) -> None:
        self._words = self._words[count:]

    def uniforms_ahead(self, count: int) -> Floats:
        """What the next calls of `random()` will give, without making them."""
        words = self._ahead(2 * count)
        high, low = words[::2] >> np.uint32(5), words[1::2] >> np.uint32(6)
        return (high * 67_108_864.0 + low) * (1.0 / 9_007_199_254_740_992.0)

    def skip_uniforms(self, count: int) -> None:
        """Make calls of `random()` whose results are known."""
        self._skip(2 * count)

    def uniforms(self, count: int) -> Floats:
        """That many calls of `random()`."""
        found = self.uniforms_ahead(count)
        self.skip_uniforms(count)
        return found

    def below(self, bounds: Sequence[int], turns: npt.NDArray[np.uint8]) -> Integers:
        """A call of `randrange(bounds[turn])` for each turn. Words that are too large are passed over."""
        least = min(bound / 2 ** bound.bit_length() for bound in bounds)
        words = self._ahead(int(len(turns) / least) + 8 * len(bounds))
        places = _places(words, bounds, turns)
        while len(places) < len(turns):
            words = self._ahead(2 * len(words))
            places = _places(words, bounds, turns)
        self._skip(int(places[-1]) + 1 if len(places) else 0)
        shifts = np.array([32 - bound.bit_length() for bound in bounds], dtype=np.int64)
        found: Integers = words[places].astype(np.int64) >> shifts[turns]
        return found

    def shuffled(self, count: int) -> Integers:
        """The numbers 0..count-1 as `shuffle` leaves them."""
        partners, last = np.zeros(count, dtype=np.int64), count - 1
        while last > 0:
            bits = (last + 1).bit_length()
            lowest = max(1, (1 << (bits - 1)) - 1)  # below it, a bound has one bit less
            partners[lowest : last + 1] = self._below_falling(bits, last, last + 1 - lowest)[::-1]
            last = lowest - 1
        return _exchanged(partners)

    def _below_falling(self, bits: int, last: int, count: int) -> Integers:
        """The next words of so many bits that are at most `last`, `last - 1` and so on: `count` of them."""
        found = np.empty(count, dtype=np.int64)
        done = 0
        while done < count:
            # How far it falls is small beside the bound, so that most words are taken or passed over anyway.
            words = (self._ahead((1 << bits) // 4 + 16) >> np.uint32(32 - bits)).astype(np.int64)
            taken = _taken_falling(words, last - done)[: count - done]
            found[done : done + len(taken)] = words[taken]
            done += len(taken)
            self._skip(int(taken[-1]) + 1 if done == count else len(words))
        return found


def _exchanged(partners: Integers) -> Integers:
    """The numbers 0.. after each place, from the last to the first, was exchanged with its partner before it.

    What a place holds when its turn comes was brought by the last place before that had it as its partner;
    so all are followed to where they come from, twice as far each time.
    """
    count = len(partners)
    visits = np.sort(partners * count + (count - 1 - np.arange(count)))
    visited, visitor = visits // count, count - 1 - visits % count
    moved = visitor != visited
    lasts = np.flatnonzero(np.diff(visited[moved], append=-1))
    held = np.arange(count)
    held[visited[moved][lasts]] = visitor[moved][lasts]
    while not np.array_equal(further := held[held], held):
        held = further
    order = np.empty(count, dtype=np.int64)
    order[visitor] = np.where(np.diff(visited, prepend=-1) != 0, visited, held[np.roll(visitor, 1)])
    return order


def _taken_falling(words: Integers, last: int) -> Integers:
    """The places of the words that are at most `last`, where each that is taken lowers it by one.

    From any guess, a round is right for one word more at least: what stays as it was is the answer.
    """
    fits = words <= last
    while True:
        lasts = last - np.cumsum(fits) + fits
        again = words <= lasts
        if np.array_equal(again, fits):
            return np.flatnonzero(fits)
        fits = again


def _places(words: npt.NDArray[np.uint32], bounds: Sequence[int], turns: npt.NDArray[np.uint8]) -> Integers:
    """The place of the word that each turn takes, as far as the words last."""
    fits = np.zeros(len(words), dtype=np.uint8)
    for number, bound in enumerate(bounds):
        fits |= ((words >> np.uint32(32 - bound.bit_length())) < bound).astype(np.uint8) << np.uint8(number)
    if len(bounds) == 1:
        return np.flatnonzero(fits)[: len(turns)]
    taken, place, good, last = [], 0, fits.tobytes(), len(fits)
    for wanted in (np.uint8(1) << turns).tobytes():
        while place < last and not good[place] & wanted:
            place += 1
        if place == last:
            break
        taken.append(place)
        place += 1
    return np.array(taken, dtype=np.int64)


def chosen(uniforms: Floats, weights: Sequence[int]) -> npt.NDArray[np.uint8]:
    """The places that `choices` picks with these weights."""
    steps = list(accumulate(weights, initial=0.0))
    scaled, places = uniforms * steps[-1], np.zeros(len(uniforms), dtype=np.uint8)
    for step in steps[1:-1]:
        places += scaled >= step
    return places
