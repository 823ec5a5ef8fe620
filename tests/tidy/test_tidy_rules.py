"""The style rules that a linter does not know, each a test that names the offender."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("impl", "loadgen", "scenarios", "reports")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
MARKS = (("TO", "DO"), ("FIX", "ME"), ("XX", "X"))  # in halves, so that this file is clean itself
LINES_OF_A_FUNCTION = 40
LINES_OF_A_MODULE = 350


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_at_most_350_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_OF_A_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_has_at_most_40_lines_of_code(path: Path) -> None:
    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1}"
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > LINES_OF_A_FUNCTION
    ]

    assert not long


def test_nine_functions_of_ten_have_at_most_23_lines() -> None:
    sizes = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1 for path in MODULES for node in functions(path)
    )

    assert sizes[len(sizes) * 9 // 10] <= 23


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_named_by_a_noun_of_the_domain(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES


def test_the_client_of_openai_is_made_in_one_place_whoever_calls_the_api() -> None:
    """A run measured one with the library's own retries, the service one without."""
    makers = [
        name_of(path) for path in MODULES if re.search(r"\bopenai\.OpenAI\($", path.read_text(), re.MULTILINE)
    ]

    assert makers == ["impl/claimbench/impl/connecting.py"]


def test_nobody_owns_the_namespace_root() -> None:
    assert not [room for room in ROOMS if (ROOT / room / "claimbench" / "__init__.py").exists()]


@pytest.mark.parametrize("path", TEST_MODULES, ids=name_of)
def test_a_tests_name_is_a_sentence(path: Path) -> None:
    short = [
        node.name
        for node in functions(path)
        if node.name.startswith("test_") and len(node.name.split("_")) < 5
    ]

    assert not short


@pytest.mark.parametrize("path", [*MODULES, *TEST_MODULES], ids=name_of)
def test_nothing_is_left_to_do_in_the_code(path: Path) -> None:
    marks = re.findall("|".join(f"{first}{second}" for first, second in MARKS), path.read_text())

    assert not marks


def test_every_test_module_has_a_name_of_its_own() -> None:
    names = [path.name for path in TEST_MODULES]

    assert sorted(set(names)) == sorted(names)
