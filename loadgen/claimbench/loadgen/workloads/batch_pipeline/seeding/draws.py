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
        order, last = list(range(count)), count - 1
        while last > 0:
            bits = (last + 1).bit_length()
            lowest = max(1, (1 << (bits - 1)) - 1)  # below it, a bound has one bit less
            words = (self._ahead(3 * (last - lowest) + 64) >> np.uint32(32 - bits)).tolist()
            place = 0
            try:
                while last >= lowest:
                    other = words[place]
                    place += 1
                    if other <= last:
                        order[last], order[other] = order[other], order[last]
                        last -= 1
            except IndexError:
                pass  # more words are made, and it goes on where it was
            self._skip(place)
        return np.array(order, dtype=np.int64)


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
    cumulated = np.array(list(accumulate(weights)), dtype=np.float64)
    places: Integers = np.searchsorted(cumulated[:-1], uniforms * cumulated[-1], side="right")
    return places.astype(np.uint8)
