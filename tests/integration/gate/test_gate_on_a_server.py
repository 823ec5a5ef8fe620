"""The gate where it measures by itself: injections, origins, and revisions side by side, on a real server."""

import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from claimbench.errors import InvalidMeasurementError, UsageError
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.gate.contestants import Contestant
from claimbench.loadgen.gate.duel import ROUNDS, open_ring
from claimbench.loadgen.gate.machine import cpu_load
from claimbench.loadgen.gate.n_plus_one import repeated_statements
from claimbench.loadgen.gate.selftesting import INTO_COUNTERS, PLACE, SelftestOptions, counter_tier
from claimbench.loadgen.gate.worktree import BaseEnvironment, checked_out
from claimbench.reports.judge.gate import Tiers
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Arm, ArmRole, Scenario

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[3]


@pytest.fixture
def scenario() -> Scenario:
    smoke = load("smoke")
    return smoke.model_copy(
        update={
            "dataset": smoke.dataset.model_copy(update={"size": 4, "history_per_company": 100}),
            "workload": smoke.workload.model_copy(
                update={"runs": 2, "sizes": (4,), "timetable": timedelta(minutes=10)}
            ),
            "network": smoke.network.model_copy(update={"rtt_ms": (0.0,), "judged_rtt_ms": 0.0}),
        }
    )


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(quiet=True))


def test_every_injection_into_counters_turns_the_gate_red(scenario: Scenario, progress: Progress) -> None:
    options = SelftestOptions("smoke", 24, "optimized", Tiers.COUNTERS, "embedded")
    seen = list(counter_tier(scenario, options, progress))

    assert {each.injection.name: each.value for each in seen} == {
        injection.name: "fail" for injection in INTO_COUNTERS
    }


def test_a_block_gives_each_contestant_a_time_in_each_round_and_one_peak_of_memory(
    scenario: Scenario, progress: Progress
) -> None:
    contestants = (Contestant("base", "optimized"), Contestant("head", f"{PLACE}Slower20"))
    with open_ring(scenario, "embedded", contestants, progress) as ring:
        samples = tuple(ring.block(0, contestants))

    counts = {"time": ROUNDS, "peak_memory": 1}
    assert Counter((each.arm, each.metric) for each in samples) == {
        (arm, metric): count for arm in ("base", "head") for metric, count in counts.items()
    }
    order = [each.arm for each in samples if each.metric == "time"]
    assert order in (["base", "head", "head", "base"] * 2, ["head", "base", "base", "head"] * 2)
    assert all(each.value > 0 for each in samples if each.metric == "time")


def test_a_contestant_that_says_much_is_measured(scenario: Scenario, progress: Progress) -> None:
    loud = (Contestant("head", "loud_arms:Chatty", path=(ROOT / "tests" / "doubles",)),)
    with open_ring(scenario, "embedded", loud, progress) as ring:
        samples = tuple(ring.block(0, loud))

    assert [each.metric for each in samples] == ["peak_memory", *["time"] * ROUNDS]


def test_a_contestant_that_cannot_run_is_named_in_one_line(scenario: Scenario, progress: Progress) -> None:
    broken = (Contestant("base", "no_such_module:Pipeline"),)
    with (
        open_ring(scenario, "embedded", broken, progress) as ring,
        pytest.raises(InvalidMeasurementError, match="base revision") as caught,
    ):
        tuple(ring.block(0, broken))

    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(
        "let that revision declare claimbench[all], or say --base-environment shared"
    )


def test_n_plus_one_statements_are_found_with_file_and_line_and_the_optimized_arm_has_none(
    scenario: Scenario, progress: Progress
) -> None:
    naive = Arm(name="naive", pipeline="naive", role=ArmRole.REFERENCE)
    planted = Arm(name="planted", pipeline=f"{PLACE}QueryPerRequest", role=ArmRole.CANDIDATE)
    found = repeated_statements(scenario, naive, "embedded", progress)
    lines = {Path(each.file).name for each in repeated_statements(scenario, planted, "embedded", progress)}

    assert any("impl/naive" in each.file and each.line > 0 for each in found)
    assert "injections.py" in lines


def unheard(_: str) -> None:
    """Whom nobody listens to."""


def a_repository(folder: Path) -> Path:
    folder.mkdir()
    for words in (
        ("init", "-q"),
        ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "x"),
    ):
        subprocess.run(("git", "-C", str(folder), *words), check=True)
    return folder


def test_a_base_revision_is_checked_out_and_gone_at_the_end(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "repository")
    with checked_out("HEAD", repository, BaseEnvironment.SHARED, unheard) as revision:
        assert revision.folder.is_dir()
        assert len(revision.sha) == 40

    assert not revision.folder.exists()
    listed = subprocess.run(
        ("git", "-C", str(repository), "worktree", "list"), capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1


def test_a_base_revision_that_does_not_build_ends_with_exit_code_2(tmp_path: Path) -> None:
    repository, announced = a_repository(tmp_path / "repository"), list[str]()

    with (
        pytest.raises(UsageError, match="does not build") as caught,
        checked_out("HEAD", repository, BaseEnvironment.OWN, announced.append),
    ):
        pytest.fail("there is nothing to install")

    assert "\n" not in str(caught.value)
    (pause,) = announced
    assert "pip installs it and what it needs, which may take minutes" in pause


BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "shop-0.1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("shop.py", "")
        wheel.writestr("shop-0.1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: shop\\nVersion: 0.1\\n")
        tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("shop-0.1.dist-info/WHEEL", tags)
        wheel.writestr("shop-0.1.dist-info/RECORD", "")
    return name
"""
"""A build that needs nothing from an index."""


def test_a_base_revision_that_does_not_declare_claimbench_is_told_so(tmp_path: Path) -> None:
    repository, announced = a_repository(tmp_path / "repository"), list[str]()
    (repository / "own_backend.py").write_text(BACKEND)
    build = '[build-system]\nrequires = []\nbuild-backend = "own_backend"\nbackend-path = ["."]\n'
    (repository / "pyproject.toml").write_text(f'{build}[project]\nname = "shop"\nversion = "0.1"\n')
    for words in (
        ("add", "."),
        ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "y"),
    ):
        subprocess.run(("git", "-C", str(repository), *words), check=True)

    with (
        pytest.raises(UsageError, match="does not declare it") as caught,
        checked_out("HEAD", repository, BaseEnvironment.OWN, announced.append),
    ):
        pytest.fail("it has no claimbench")

    assert "--base-environment shared" in str(caught.value)


def test_the_hog_is_gone_at_the_end() -> None:
    with cpu_load() as process:
        assert psutil.pid_exists(process)

    assert not psutil.pid_exists(process)
