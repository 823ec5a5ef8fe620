"""A document of another kind or version is refused in one line that says what it is and what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gate_factory import a_later_run
from typer.testing import CliRunner

from claimbench.errors import ClaimbenchError, NothingToCompareError
from claimbench.loadgen.commands.cli import command_line
from claimbench.reports.record.store import (
    BASELINE,
    CALIBRATION,
    GATE,
    KINDS,
    LOAD,
    RUN,
    SOAK,
    DocumentKind,
    read,
    write,
)
from claimbench.scenarios.grammar import Frozen

AnyKind = DocumentKind[Frozen]
by_name = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
pairs = pytest.mark.parametrize(
    ("wanted", "found"),
    [(wanted, found) for wanted in KINDS for found in KINDS if wanted is not found],
    ids=lambda kind: kind.file,
)


def document_of(schema: str, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"schema": schema}))
    return file


def assert_names(told: str, found: AnyKind, wanted: AnyKind) -> None:
    assert "\n" not in told
    assert f"holds {found.name} ({found.schema}), not {wanted.name} ({wanted.schema})" in told
    assert f"it is read by: {found.read_by}" in told


@pairs
def test_a_file_of_another_kind_names_both_kinds_and_the_verb_that_reads_it(
    tmp_path: Path, wanted: AnyKind, found: AnyKind
) -> None:
    with pytest.raises(NothingToCompareError) as caught:
        read(wanted, document_of(found.schema, tmp_path / wanted.file))

    assert_names(str(caught.value), found, wanted)


@pairs
def test_so_does_a_folder_that_holds_another_kind_alone(
    tmp_path: Path, wanted: AnyKind, found: AnyKind
) -> None:
    document_of(found.schema, tmp_path / found.file)
    with pytest.raises(NothingToCompareError) as caught:
        read(wanted, tmp_path)

    assert_names(str(caught.value), found, wanted)
    assert found.file in str(caught.value)


@by_name
def test_a_document_of_another_version_says_what_makes_it_anew(tmp_path: Path, kind: AnyKind) -> None:
    with pytest.raises(NothingToCompareError) as caught:
        read(kind, document_of(f"{kind.program}/0", tmp_path / kind.file))

    assert f"holds {kind.name} ({kind.program}/0), not {kind.name} ({kind.schema})" in str(caught.value)
    assert f"this version reads {kind.schema}, so make it anew with: {kind.made_by}" in str(caught.value)


@by_name
def test_a_file_that_is_not_there_says_what_makes_one(tmp_path: Path, kind: AnyKind) -> None:
    with pytest.raises(kind.missing) as caught:
        read(kind, tmp_path / "none.json")

    assert "cannot be read (no such file or directory)" in str(caught.value)
    assert kind.made_by in str(caught.value)


@by_name
def test_a_document_that_is_cut_off_says_what_restores_it(tmp_path: Path, kind: AnyKind) -> None:
    (tmp_path / kind.file).write_text(json.dumps({"schema": kind.schema})[:-4])
    with pytest.raises(ClaimbenchError, match="cut off") as caught:
        read(kind, tmp_path)

    assert (caught.value.exit_code, kind.restored_by in str(caught.value)) == (2, True)


@by_name
def test_a_key_that_lacks_is_named_with_its_file(tmp_path: Path, kind: AnyKind) -> None:
    with pytest.raises(ClaimbenchError) as caught:
        read(kind, document_of(kind.schema, tmp_path / kind.file))

    assert (caught.value.exit_code, f"{kind.file}: " in str(caught.value)) == (2, True)
    assert "field required" in str(caught.value)


Words = Callable[[Path, Path], list[object]]
"""The words of a command line: from a document of the wrong kind, and a good run."""


@pytest.mark.parametrize(
    ("words", "wanted", "found"),
    [
        (lambda foreign, _: ["report", foreign.parent], RUN, GATE),
        (lambda foreign, _: ["check", foreign], RUN, LOAD),
        (lambda foreign, _: ["check", foreign.parent], RUN, SOAK),
        (lambda foreign, run: ["check", run, "--baseline", foreign], BASELINE, RUN),
        (lambda foreign, run: ["check", run, "--calibration", foreign], CALIBRATION, BASELINE),
        (lambda foreign, _: ["recheck", foreign], RUN, SOAK),
        (lambda foreign, _: ["baseline", "save", foreign], RUN, GATE),
        (lambda foreign, run: ["baseline", "promote", run, "--reason", "so", "-f", foreign], BASELINE, LOAD),
        (lambda foreign, _: ["calibrate", "--from", foreign], CALIBRATION, RUN),
    ],
    ids=lambda value: value.file if isinstance(value, DocumentKind) else None,
)
def test_every_verb_that_reads_a_document_refuses_another_kind_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Words, wanted: AnyKind, found: AnyKind
) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = document_of(found.schema, tmp_path / "foreign" / found.file)
    run = tmp_path / "run"
    run.mkdir()
    write(RUN, a_later_run(), run)
    line = [str(word) for word in words(foreign, run)]

    ended = CliRunner().invoke(command_line([line[0]]), line)

    assert isinstance(ended.exception, NothingToCompareError)
    assert f"holds {found.name} ({found.schema}), not " in str(ended.exception)
    assert f"{wanted.name} ({wanted.schema})" in str(ended.exception)
    assert f"it is read by: {found.read_by}" in str(ended.exception)


def test_a_trend_names_the_file_that_is_of_an_old_version(tmp_path: Path) -> None:
    old = document_of("claimbench.result/1", tmp_path / "monday" / RUN.file)
    ended = CliRunner().invoke(command_line(["trend"]), ["trend", str(tmp_path)])

    assert isinstance(ended.exception, NothingToCompareError)
    assert f"{old}: schema: holds {RUN.name} (claimbench.result/1)" in str(ended.exception)
    assert "make it anew with: claimbench run" in str(ended.exception)


def test_a_recheck_refuses_a_gate_of_another_kind_beside_the_run(tmp_path: Path) -> None:
    write(RUN, a_later_run(), tmp_path)
    document_of(LOAD.schema, tmp_path / "gate" / GATE.file)
    ended = CliRunner().invoke(command_line(["recheck"]), ["recheck", str(tmp_path)])

    assert isinstance(ended.exception, NothingToCompareError)
    assert f"holds {LOAD.name} ({LOAD.schema}), not {GATE.name}" in str(ended.exception)
