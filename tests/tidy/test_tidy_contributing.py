"""What CONTRIBUTING.md shows as a diff can be applied to the files as they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


@dataclass(frozen=True)
class Hunk:
    """A piece of a file of the project, before and after."""

    file: str
    is_new: bool
    before: str
    after: str


def hunks() -> Iterator[Hunk]:
    for block in re.findall(r"^```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for old, new, body in re.findall(
            r"^--- (\S+)\n\+\+\+ b/(\S+)\n(.*?)(?=^--- |\Z)", block, re.MULTILINE | re.DOTALL
        ):
            for piece in body.split("@@\n")[1:]:
                lines = piece.splitlines()
                before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
                after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
                yield Hunk(new, old == "/dev/null", before, after)


HUNKS = [*hunks()]


@pytest.mark.parametrize("hunk", HUNKS, ids=lambda hunk: hunk.file)
def test_what_a_diff_changes_stands_once_where_it_says(hunk: Hunk) -> None:
    path = ROOT / hunk.file

    assert not path.exists() if hunk.is_new else path.read_text().count(hunk.before) == 1


@pytest.mark.parametrize(
    "hunk", [hunk for hunk in HUNKS if hunk.file.endswith(".py")], ids=lambda hunk: hunk.file
)
def test_a_module_is_python_after_the_diff(hunk: Hunk) -> None:
    path = ROOT / hunk.file
    whole = hunk.after if hunk.is_new else path.read_text().replace(hunk.before, hunk.after)

    compile(whole, hunk.file, "exec")


def test_every_extension_that_is_told_of_is_shown_as_a_diff() -> None:
    told = re.findall(r"^## Add (.*?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)

    assert told
    assert [heading for heading, text in told if "```diff" not in text] == []
