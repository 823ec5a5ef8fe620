import getpass
import json
import socket
from pathlib import Path

import pytest

from claimbench.loadgen.probes import machine
from claimbench.loadgen.probes.machine import ElsewhereProbe, StealProbe, environment


def test_the_environment_is_flat_so_that_any_result_can_hold_it() -> None:
    assert all(isinstance(value, str | int | float | None) for value in environment().values())
    assert json.loads(json.dumps(environment())).keys() == environment().keys()


def test_the_environment_names_processor_cores_memory_and_versions() -> None:
    found = environment()

    assert found["cores"] == pytest.approx(found["cores"])
    assert int(str(found["memory_bytes"])) > 1 << 20
    assert found["version_sqlalchemy"]
    assert found["cpu"]
    assert found["timer"]


def test_the_environment_tells_neither_host_nor_path() -> None:
    texts = [value for value in environment().values() if isinstance(value, str)]

    assert not [text for text in texts if socket.gethostname() and socket.gethostname() in text]
    assert not [text for text in texts if str(Path.home()) in text]


def test_the_environment_has_no_entry_about_the_user() -> None:
    assert getpass.getuser() not in environment().values()


def test_outside_a_repository_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert environment()["git_revision"] is None


def test_stolen_time_is_a_share() -> None:
    share = StealProbe().share()

    assert share is None or 0 <= share <= 1


def test_what_others_use_is_told_as_a_share_of_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, moments = iter((40.0, 46.0)), iter((100.0, 104.0))
    monkeypatch.setattr(machine, "_busy_elsewhere_s", lambda: next(seconds))
    monkeypatch.setattr(machine.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)

    assert ElsewhereProbe().share() == pytest.approx(0.75)
