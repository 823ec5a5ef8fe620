"""Bad input: one line that names what, where and what to do, and the right exit code."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import Ended, begun, claimbench, told_to_end

from claimbench.loadgen.processes.free_port import free_port

pytestmark = pytest.mark.whole

SMOKE = """
name = "mine"
title = "Mine"
why = "To try."
claims_from = "document"
[dataset]
seed = 1
companies = 2
requests_per_company = 3
messages_per_session = "{messages}"
characters_per_message = "40..80"
[workload]
runs = 2
step = "10min"
blocks = 2
memory_blocks = 2
companies = [2]
[api]
seed = 1
[network]
rtt_ms = [0]
judged_rtt_ms = 0
[[arms]]
name = "naive"
pipeline = "{pipeline}"
role = "reference"
[[arms]]
name = "optimized"
pipeline = "optimized"
role = "candidate"
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "smok"), ("smok", "smoke")),
        (("run", "missing.toml"), ("missing.toml",)),
        (("run", "smoke", "--arms", "naive"), ("--arms", "reference,candidate")),
        (("run", "smoke", "--arms", "naive,fast"), ("no pipeline 'fast'", "optimized")),
        (("run", "smoke", "--arms", "naive,nowhere:Fast"), ("nowhere:Fast", "module:attribute")),
        (("run", "smoke", "--arms", "naive,os:sep"), ("os:sep", "PipelineContext")),
        (("run", "smoke", "--database", "oracle"), ("--database", "embedded")),
        (("run", "smoke", "--databse", "embedded"), ("--databse", "--help")),
        (
            ("run", "smoke", "--database", f"postgresql://u:s3cret@127.0.0.1:{free_port()}/x"),
            ("127.0.0.1",),
        ),
        (("report", "nothing-here"), ("nothing-here",)),
        (("rum",), ("rum", "--help")),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else str(value),
)
def test_a_mistake_on_the_command_line_is_one_line_and_exit_2(
    arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    ended = claimbench(*arguments, cwd=tmp_path)

    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert [word for word in words if word not in ended.err] == []
    assert "s3cret" not in ended.err + ended.out


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (SMOKE.format(messages="9..4", pipeline="naive"), ("messages_per_session", "9..4")),
        (SMOKE.format(messages="4..9", pipeline="naive") + 'colour = "red"\n', ("colour",)),
        ("title = 1\nname = ?", ("line 2",)),
    ],
    ids=["a range upside down", "an unknown key", "not TOML"],
)
def test_a_mistake_in_a_scenario_file_names_the_file_and_the_key(
    scenario: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(scenario)

    ended = claimbench("run", "mine.toml", cwd=tmp_path)

    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert [word for word in ("mine.toml", *words) if word not in ended.err] == []


def test_a_folder_that_cannot_be_made_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ended = claimbench("run", "smoke", "--out", str(tmp_path / "file" / "report"), cwd=tmp_path)

    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").symlink_to("/dev/full")
    ended = claimbench("report", str(tmp_path / "report"), cwd=tmp_path)

    assert ended.code == 2
    assert ended.err.count("\n") == 1


def test_a_machine_without_an_engine_is_told_what_else_it_can_use(tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"tcp://127.0.0.1:{free_port()}"}

    ended = claimbench("run", "smoke", "--database", "container", cwd=tmp_path, environment=nowhere)

    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "embedded" in ended.err


def children_of(word: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if word in line and "ps -eo" not in line]


def assert_left_in_order(ended: Ended, code: int, scratch: Path) -> None:
    assert (ended.code, ended.err.count("\n")) == (code, 1), ended.err
    assert ended.err.startswith("claimbench: ")
    assert children_of(str(scratch)) == []
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("number", "code", "after"),
    [(signal.SIGINT, 130, "equivalence"), (signal.SIGTERM, 143, "memory"), (signal.SIGINT, 130, "timing")],
    ids=["Ctrl-C in the equivalence pass", "SIGTERM in the memory pass", "Ctrl-C in the timing pass"],
)
def test_an_interrupted_run_leaves_nothing_behind(
    number: signal.Signals, code: int, after: str, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = ("run", "smoke", "--database", "embedded")
    with begun(*words, cwd=tmp_path, environment={"TMPDIR": str(scratch)}) as process:
        assert process.stdout
        next(line for line in process.stdout if after in line)
        time.sleep(0.3)  # into the middle of the pass, wherever that is
        ended, _ = told_to_end(process, number)

    assert_left_in_order(ended, code, scratch)
    assert re.search(r"^left after \d+\.\d s: \w", ended.out, re.MULTILINE), ended.out


@pytest.mark.alone
@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ("HangsInTheTimingPass", "timing: block 1 of 2"),
        ("HangsInTheMemoryPass", "memory: 2 companies, block 1 of 2"),
    ],
)
def test_a_stage_that_hangs_for_ever_is_left_within_five_seconds_and_the_step_is_told(
    arm: str, told: str, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    (tmp_path / "mine.toml").write_text(SMOKE.format(messages="4..9", pipeline=f"wrong_arms:{arm}"))
    scratch.mkdir()
    words = ("run", "mine.toml", "--database", "embedded")
    with begun(*words, cwd=tmp_path, environment={"TMPDIR": str(scratch)}) as process:
        assert process.stdout
        waits_in = "memory goes on" if told.startswith("memory") else told
        next(line for line in process.stdout if waits_in in line)
        time.sleep(1)  # until it hangs
        ended, seconds = told_to_end(process, signal.SIGINT)

    assert_left_in_order(ended, 130, scratch)
    assert seconds < 5
    assert re.search(rf"^left after \d+\.\d s: {re.escape(told)}$", ended.out, re.MULTILINE), ended.out


@pytest.mark.alone
def test_what_was_measured_is_kept_when_the_report_is_cut_short(tmp_path: Path) -> None:
    folder, scratch = tmp_path / "report", tmp_path / "scratch"
    (tmp_path / "mine.toml").write_text(SMOKE.format(messages="4..9", pipeline="naive"))
    words = ("run", "mine.toml", "--database", "embedded", "--out", "report")
    scratch.mkdir()
    with begun(*words, cwd=tmp_path, environment={"TMPDIR": str(scratch)}) as process:
        ended, seconds = told_to_end(drawing(process, folder), signal.SIGTERM)

    assert_left_in_order(ended, 143, scratch)
    assert seconds < 5
    assert "what was measured is kept; draw it with: claimbench report report\n" in ended.out
    assert not (folder / "report.html").exists()

    drawn = claimbench("report", "report", cwd=tmp_path)

    assert drawn.code == 0, drawn.err
    assert {path.name for path in folder.iterdir()} == {
        "charts",
        "junit.xml",
        "report.html",
        "report.md",
        "results.json",
    }


def drawing(process: "subprocess.Popen[str]", folder: Path) -> "subprocess.Popen[str]":
    """The run, once its results are written and its pages are drawn."""
    while not (folder / "results.json").exists():
        assert process.poll() is None
        time.sleep(0.005)
    return process
