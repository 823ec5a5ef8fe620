"""Identifiers and draws: all chance in the fake is a hash of the seed and of what it is about."""

import sys
from array import array
from collections.abc import Iterable
from functools import cache, partial
from hashlib import blake2b

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNIT = 1 << 64


class Chance:
    """Draws that depend on the seed and on the words given alone; identifiers on a salt as well."""

    def __init__(self, seed: int, salt: str = "") -> None:
        self._key = blake2b(str(seed).encode(), digest_size=32).digest()
        self._salt = salt

    def draw(self, *words: object) -> int:
        """An integer in 0..2**64-1."""
        text = "\x1f".join(map(str, words)).encode()
        return int.from_bytes(blake2b(text, key=self._key, digest_size=8).digest(), "big")

    def share(self, *words: object) -> float:
        """A number in 0 <= x < 1."""
        return self.draw(*words) / _UNIT

    def line(self, digest: bytes, attempt: int) -> int:
        """The draw that decides a request's answer: of its canonical body and attempt."""
        return self.lines((digest,), (attempt,))[0]

    def lines(self, digests: Iterable[bytes], attempts: Iterable[int]) -> "array[int]":
        """The draws of many requests."""
        key, draws, number = self._key, array("Q"), cache(partial(int.to_bytes, length=4, byteorder="big"))
        draws.frombytes(
            b"".join(
                [
                    blake2b(digest + number(attempt), key=key, digest_size=8).digest()
                    for digest, attempt in zip(digests, attempts, strict=True)
                ]
            )
        )
        if sys.byteorder == "little":  # the draws are big-endian everywhere
            draws.byteswap()
        return draws

    def number(self, number: int) -> int:
        """The number itself, or with a salt one of 32 bits that stands for it."""
        return self.draw("number", number, self._salt) % 2**32 if self._salt else number

    def hexadecimal(self, *words: object) -> str:
        """32 hexadecimal digits, others with each salt."""
        words = (*words, self._salt) if self._salt else words
        return f"{self.draw(*words, 'a'):016x}{self.draw(*words, 'b'):016x}"

    def letters(self, length: int, *words: object) -> str:
        """That many letters and digits, at most 21, others with each salt."""
        words = (*words, self._salt) if self._salt else words
        number = (self.draw(*words, "a") << 64) | self.draw(*words, "b")
        return base62(number, length)


def base62(number: int, length: int) -> str:
    """The last `length` base-62 digits of a number."""
    signs = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        signs.append(_ALPHABET[digit])
    return "".join(signs)
