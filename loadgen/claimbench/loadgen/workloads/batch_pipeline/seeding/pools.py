"""Names and texts to draw from. The only importer of Faker: it makes pools, which is slow; drawing is not."""

import random
from dataclasses import dataclass
from functools import lru_cache

import faker

FAKER_VERSION = faker.VERSION
"""Another version may know other words, so it is part of what a template's hash covers."""

NAMES = 400
PARAGRAPHS = 120
LOCALES = ("en_US", "de_DE", "fr_FR", "ja_JP", "ar_AA")
LOCALE_WEIGHTS = (60, 15, 10, 10, 5)
NAME_LOCALES = ("en_US", "de_DE", "fr_FR", "ja_JP")

SPICES = (
    ' "really?" ',
    "\n",
    "\n\n- ",
    " \\o/ ",
    " 🙂 ",
    " 👩‍💻 ",
    "\t",
    " it's ",
    " <b>&amp;</b> ",
    ' {"json": [1, 2]} ',
    " 50 % — “fine” ",
    " naïve café ",
)
"""What makes escaping matter: quotes, newlines, backslashes, long emoji, markup."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Company names, and one long text per language; a message is a slice of one."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    languages: tuple[str, ...]


@lru_cache(maxsize=4)
def make_pools(seed: int, *, longest: int) -> Pools:
    """The pools of a seed; every text is at least twice as long as the `longest` slice, in code points."""
    names = tuple(name for locale in NAME_LOCALES for name in _names(seed, locale))
    texts = tuple(_text(seed, locale, longest) for locale in LOCALES)
    return Pools(names, texts, tuple(locale[:2] for locale in LOCALES))


def _names(seed: int, locale: str) -> list[str]:
    source = _source(seed, locale)
    return [source.company() for _ in range(NAMES // len(NAME_LOCALES))]


def _text(seed: int, locale: str, longest: int) -> str:
    source = _source(seed, locale)
    draw = random.Random(f"{seed}/spice/{locale}")  # noqa: S311 (data, not secrets)
    parts: list[str] = []
    for _ in range(PARAGRAPHS):
        for sentence in source.sentences(nb=5):
            parts += (sentence, draw.choice(SPICES) if draw.random() < 0.4 else " ")
    text = "".join(parts)
    return text * (2 * longest // len(text) + 1)


def _source(seed: int, locale: str) -> faker.Faker:
    source = faker.Faker(locale, use_weighting=False)  # ten times faster; real-life frequency is not needed
    source.seed_instance(seed)
    return source
