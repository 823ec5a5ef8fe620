"""The one page about the whole names files that are there, and imports that are made."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROOMS = ("impl", "scenarios", "reports", "loadgen")
NAME = re.compile(r"`((?:impl|scenarios|reports|loadgen)/[\w/]+\.(?:py|toml))`")
NAMED = sorted(set(NAME.findall(PAGE)))


def folder_of(room: str) -> Path:
    """Of `reports/judge`: where it lies."""
    first, _, rest = room.partition("/")
    return ROOT / first / "claimbench" / first / rest


def arrows() -> Iterator[tuple[str, str]]:
    for tail, heads in re.findall(r"^  ([\w.]+) --> (.+)$", PAGE, re.MULTILINE):
        yield from ((tail, head) for head in heads.split(" & "))


@pytest.mark.parametrize("name", NAMED)
def test_every_file_that_the_page_names_exists(name: str) -> None:
    assert folder_of(name).is_file() or (ROOT / name).is_file()


@pytest.mark.parametrize(("tail", "head"), [*arrows()])
def test_every_arrow_of_the_picture_is_an_import(tail: str, head: str) -> None:
    words = f"claimbench.{head}"

    assert any(words in path.read_text() for path in folder_of(tail.replace(".", "/")).rglob("*.py"))


def test_the_page_follows_a_claim_and_a_request_through_files_of_every_room() -> None:
    assert {name.split("/")[0] for name in NAMED} == set(ROOMS)
    assert len(list(arrows())) > 20


WALKS = re.findall(r"^## One [^\n]* in (\d+) files$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("number", "walk"), WALKS)
def test_a_walk_goes_through_as_many_files_as_it_says(number: str, walk: str) -> None:
    assert len(set(NAME.findall(walk))) == int(number)
    assert len(WALKS) == 2
