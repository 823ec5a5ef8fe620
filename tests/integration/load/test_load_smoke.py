"""`claimbench load load-smoke`, in full: databases, fake API, services, Locust, and the report."""

from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from claimbench.loadgen.commands.load import LoadOptions, load_and_report
from claimbench.reports.record.load import BlockRecord, LoadRecord
from claimbench.reports.record.store import LOAD, read

pytestmark = [
    pytest.mark.xdist_group("load smoke"),  # one run for all
    pytest.mark.alone,
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]


@dataclass(frozen=True)
class Finished:
    exit_code: int
    folder: Path
    record: LoadRecord
    said: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder, said = tmp_path_factory.mktemp("load") / "out", StringIO()
    code = load_and_report(LoadOptions("load-smoke", folder), Console(file=said, width=120))
    return Finished(code, folder, read(LOAD, folder), said.getvalue())


def arrivals(block: BlockRecord) -> list[tuple[str, int]]:
    return [(each.name, each.arrivals) for each in block.generated.operations]


def test_the_exit_code_is_the_verdicts_and_the_terminal_says_where_the_report_is(finished: Finished) -> None:
    assert finished.exit_code == finished.record.verdict.exit_code
    assert str(finished.folder / "report.html") in finished.said


def test_both_arms_got_the_same_arrivals_and_lost_none(finished: Finished) -> None:
    naive, optimized = finished.record.blocks

    assert (naive.arm, optimized.arm) == ("naive", "optimized")
    assert arrivals(naive) == arrivals(optimized)
    assert naive.generated.total.arrivals == naive.generated.planned > 30


def test_no_request_of_either_arm_failed(finished: Finished) -> None:
    assert [block.generated.failures for block in finished.record.blocks] == [(), ()]


def test_what_was_submitted_was_stored_and_timed_from_end_to_end(finished: Finished) -> None:
    for block in finished.record.blocks:
        served = block.served

        assert served.end_to_end
        assert served.stored
        assert served.end_to_end.count == served.stored + (served.unfinished or 0)


def test_the_cost_of_the_load_was_read_from_the_service_and_its_database(finished: Finished) -> None:
    naive, optimized = (block.served for block in finished.record.blocks)

    assert naive.server_cpu_s
    assert optimized.server_cpu_s
    if naive.round_trips is not None:
        assert optimized.round_trips is not None
        assert naive.round_trips > optimized.round_trips


def test_the_arms_were_first_shown_to_do_the_same_work(finished: Finished) -> None:
    assert finished.record.equivalence
    assert finished.record.equivalence.equal
    assert finished.record.equivalence.rows_compared > 0


def test_no_key_and_no_token_is_left_in_the_report(finished: Finished) -> None:
    for file in finished.folder.rglob("*.*"):
        assert "Bearer" not in file.read_text()
        assert "cbk_" not in file.read_text()
