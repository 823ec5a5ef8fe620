"""Building an arm and taking its stages: what it raises is told as its own, and where."""

import sys
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from claimbench.errors import ArmError, ClaimbenchError, UsageError
from claimbench.impl.ports import Pipeline, PipelineContext, Stage, StageReport, take_stage
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.processes.ending import leave_if_told

_PARTS = (*(stage.value for stage in Stage), "run", "stats")
_WORDS_MAX = 200


def build(name: str, context: PipelineContext) -> Pipeline:
    """The pipeline of this name.

    Raises `UsageError` if it is none, and `ArmError` with what its making raised.
    """
    try:
        built = find_pipeline(name)(context)
    except (ClaimbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        leave_if_told()  # then it is not the arm's
        raise _arm_error(f"arm {name}", error, frames=1) from error
    missing = [part for part in _PARTS if not callable(getattr(built, part, None))]
    if missing:
        raise UsageError(
            f"{name!r} makes a {type(built).__name__}, which lacks {', '.join(missing)}",
            where="arm",
            remedy="give it what claimbench.impl.ports.Pipeline has",
        )
    return built


def take(pipeline: Pipeline, stage: Stage, now: datetime) -> StageReport:
    """Take the stage. Raises `ArmError` with what it raised, or if it would end the process."""
    leave_if_told()
    try:
        report = take_stage(pipeline, stage, now)
    except BaseException as error:
        leave_if_told()  # then it is not the arm's
        if isinstance(error, ClaimbenchError | KeyboardInterrupt):
            raise
        arm = type(pipeline)
        home = getattr(sys.modules.get(arm.__module__), "__file__", None)
        raise _arm_error(f"arm {arm.__qualname__}, {stage}", error, frames=2, home=home) from error
    leave_if_told()
    if wrong := _wrong(report, stage):
        told = f"returned {wrong} and not its StageReport"
        raise ArmError(
            told, where=f"arm {type(pipeline).__qualname__}, {stage}", remedy=f"return StageReport({stage!s})"
        )
    return report


def _wrong(report: object, stage: Stage) -> str:
    """What came instead of the stage's report; nothing if it is one. The types of an arm are not checked."""
    if isinstance(report, Coroutine):
        report.close()
        return "a coroutine (the stage is `async def`, and nobody awaits it)"
    if not isinstance(report, StageReport):
        return "None" if report is None else f"{type(report).__name__} {str(report)[:_WORDS_MAX]}"
    return "" if report.stage is stage else f"the report of {report.stage}"


def _arm_error(where: str, error: BaseException, frames: int, home: str | None = None) -> ArmError:
    """Leave the frames that are ours out of its traceback. home: the file that the arm is written in."""
    words = " ".join(str(error).split("\n", 1)[0].split())[:_WORDS_MAX]
    error.with_traceback(_below(error.__traceback__, frames))
    told = f"raised {type(error).__name__}: {words}{_place(error, home)}"
    return ArmError(told, where=where, remedy="mend it and run again")


def _place(error: BaseException, home: str | None) -> str:
    """Where it was in the arm's own file, or in the one that its traceback begins in."""
    steps = extract_tb(error.__traceback__)
    own = [step for step in steps if step.filename == home]
    own = own or [step for step in steps if step.filename == steps[0].filename]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _below(traceback: TracebackType | None, frames: int) -> TracebackType | None:
    for _ in range(frames):
        traceback = traceback.tb_next if traceback else None
    return traceback
