"""One word, one thing: a class name is defined once in the rooms, the glossary explains each word once."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("impl", "loadgen", "scenarios", "reports")
GLOSSARY = ROOT / "docs" / "glossary.md"


def places_by_class() -> dict[str, list[str]]:
    places = defaultdict(list)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return places


def words() -> list[str]:
    return re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY.read_text(), flags=re.MULTILINE)


def test_a_class_name_is_defined_once() -> None:
    double = {name: found for name, found in places_by_class().items() if len(found) > 1}

    assert double == {}


def test_the_glossary_explains_each_word_once() -> None:
    found = words()

    assert len(found) > 20
    assert sorted(found) == sorted(set(found))
