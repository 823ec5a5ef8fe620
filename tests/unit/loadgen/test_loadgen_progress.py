"""Who ends a verb is told what it was doing."""

import io
import re

import pytest
from rich.console import Console

from claimbench.loadgen.commands.progress import shown_progress


@pytest.mark.parametrize("told", [KeyboardInterrupt(), SystemExit(143)])
def test_who_is_told_to_end_is_told_what_was_being_done_and_for_how_long(told: BaseException) -> None:
    out = io.StringIO()

    def run() -> None:
        with shown_progress(Console(file=out)) as progress:
            progress.step("counting: naive, 2 companies, time 1")
            progress.step("memory: 2 companies, block 1 of 2")
            raise told

    with pytest.raises(type(told)):
        run()

    last = out.getvalue().splitlines()[-1]
    assert re.fullmatch(r"left after \d+\.\d s: memory: 2 companies, block 1 of 2", last)


def test_a_step_that_came_to_its_end_was_not_left() -> None:
    out = io.StringIO()
    with shown_progress(Console(file=out)) as progress:
        progress.step("timing: block 1 of 2")

    assert "left" not in out.getvalue()
