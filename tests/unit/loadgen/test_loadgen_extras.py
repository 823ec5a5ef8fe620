import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.commands import extras
from claimbench.loadgen.commands.cli import VERBS

REQUIRED = ["psycopg>=3", "rich>=14; extra == 'report'", 'no-such-package>=1; extra == "load"']


@pytest.fixture(autouse=True)
def metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "requires", lambda _: REQUIRED)


def test_an_extra_that_is_installed_misses_nothing() -> None:
    assert extras.missing_of("report") == ""


def test_a_missing_package_is_one_line_with_the_command_that_installs_its_extra() -> None:
    with pytest.raises(UsageError) as told:
        extras.require("load", "claimbench load")

    line = "claimbench load: no-such-package is not installed; pip install 'claimbench[load]'"
    assert str(told.value) == line


def test_compare_and_list_alone_need_no_extra() -> None:
    assert {verb.name for verb in VERBS if not verb.extra} == {"compare", "list"}
