"""What an arm raises is told as its own; what ends the run for other reasons passes."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from claimbench.errors import ArmError, UsageError
from claimbench.impl.errors import PipelineLookupError
from claimbench.impl.ports import ByStage, PipelineContext, PipelineStats, Stage, StageReport
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import build, take
from claimbench.loadgen.workloads.functions.comparison import Case
from claimbench.loadgen.workloads.functions.workload import FunctionSession

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = cast("PipelineContext", None)


class Failing(ByStage):
    """A pipeline whose stages raise."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error or ValueError("two lines,\nof which one is told")

    def take(self, stage: Stage, now: datetime) -> StageReport:
        raise self.error

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return PipelineStats({}, {}, None, 0, 0.0)


class Unbuildable:
    def __init__(self, context: PipelineContext) -> None:
        raise KeyError(context)


class HalfAPipeline:
    def __init__(self, context: PipelineContext) -> None:
        self.stats = context

    def create_batches(self, now: datetime) -> StageReport:
        return StageReport(Stage.CREATE_BATCHES)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("my mistake"), "raised ValueError: my mistake ("),
        (ValueError("my\nsecond line"), "raised ValueError: my ("),
        (ValueError("x" * 1000), f"raised ValueError: {'x' * 200} ("),
        (SystemExit(0), "raised SystemExit: 0 ("),
        (asyncio.CancelledError("later"), "raised CancelledError: later ("),
    ],
)
def test_what_a_stage_raises_is_told_in_one_line_with_arm_and_stage(error: BaseException, told: str) -> None:
    with pytest.raises(ArmError) as caught:
        take(Failing(error), Stage.RETRY_FAILED, NOW)

    assert str(caught.value).startswith(f"arm Failing, retry_failed: {told}")
    assert caught.value.exit_code == 3
    assert caught.value.__cause__ is error


def test_the_traceback_begins_with_the_arms_own_code() -> None:
    with pytest.raises(ArmError) as caught:
        take(Failing(None), Stage.RETRY_FAILED, NOW)

    assert caught.value.__cause__
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__cause__.__traceback__)]
    assert files[0].endswith("ports.py")
    assert files[-1] == __file__
    assert f"({Path(__file__).name}, line " in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), UsageError("is full", where="disk", remedy="free some space")],
    ids=["Ctrl-C", "an error of ours"],
)
def test_what_is_not_the_arms_passes_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        take(Failing(error), Stage.CREATE_BATCHES, NOW)

    assert caught.value is error


def test_a_pipeline_that_cannot_be_built_says_so() -> None:
    with pytest.raises(ArmError, match=rf"arm {__name__}:Unbuildable: raised KeyError: None"):
        build(f"{__name__}:Unbuildable", CONTEXT)


class Leaving:
    def __init__(self, context: PipelineContext) -> None:
        sys.exit(0)


def test_a_constructor_that_ends_the_process_does_not_end_the_run_as_a_success() -> None:
    with pytest.raises(ArmError, match="raised SystemExit: 0"):
        build(f"{__name__}:Leaving", CONTEXT)


def test_what_is_no_pipeline_is_told_what_it_lacks() -> None:
    lacks = "check_statuses, process_results, retry_failed, run, stats"

    with pytest.raises(UsageError, match=rf"makes a HalfAPipeline, which lacks {lacks}; "):
        build(f"{__name__}:HalfAPipeline", CONTEXT)


def test_a_module_with_a_mistake_in_its_syntax_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mistaken.py").write_text("x = = 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    with pytest.raises(PipelineLookupError, match=r"'mistaken:X' .*\(SyntaxError: .*line 1\)"):
        build("mistaken:X", CONTEXT)


class Answering(ByStage):
    """A pipeline whose stages return what it was given."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def take(self, stage: Stage, now: datetime) -> StageReport:
        return cast("StageReport", self.answer)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return PipelineStats({}, {}, None, 0, 0.0)


async def _later() -> StageReport:
    return StageReport(Stage.RETRY_FAILED)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: None, "returned None and not its StageReport"),
        (lambda: 5, "returned int 5 and not its StageReport"),
        (lambda: iter(()), "returned tuple_iterator <tuple_iterator object at "),
        (lambda: StageReport, "returned type <class "),
        (lambda: StageReport(Stage.CREATE_BATCHES), "returned the report of create_batches and not its"),
        (_later, "returned a coroutine (the stage is `async def`, and nobody awaits it)"),
    ],
)
def test_what_is_not_the_stage_s_report_is_refused_by_name(answer: Callable[[], object], told: str) -> None:
    with pytest.raises(ArmError) as caught:
        take(Answering(answer()), Stage.RETRY_FAILED, NOW)

    assert str(caught.value).startswith(f"arm Answering, retry_failed: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import not_there_at_all",
            "inside its module (ModuleNotFoundError: No module named 'not_there_at_all'",
        ),
        ("x = 1\nraise ImportError('half')", "inside its module (ImportError: half (faulty"),
        ("import sys\nsys.exit(0)", "inside its module (SystemExit: 0 (faulty"),
        ("sys.nothing", "inside its module (NameError: name 'sys' is not defined (faulty"),
    ],
)
def test_an_import_that_fails_inside_the_arm_s_module_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    name = f"faulty_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PipelineLookupError) as caught:
        build(f"{name}:Mine", CONTEXT)

    assert told in str(caught.value)
    assert str(caught.value).endswith("mend the module")


def test_a_module_that_is_not_there_is_told_apart_from_one_that_fails() -> None:
    with pytest.raises(PipelineLookupError, match="with the module on PYTHONPATH"):
        build("no_such_module_here:Mine", CONTEXT)


def test_a_function_that_ends_the_process_does_not_end_the_run_as_a_success() -> None:
    session = FunctionSession(cast("Case", None), lambda: sys.exit(0))

    with pytest.raises(ArmError, match="the function failed: SystemExit: 0"):
        session.take("call")
