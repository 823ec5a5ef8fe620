"""`claimbench soak`, short: a real service, every kind of fault, a restart of its database, the oracle."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from claimbench.errors import UsageError
from claimbench.loadgen.commands.soak import SoakOptions, soak_and_report
from claimbench.reports.record.soak import SoakRecord

pytestmark = [
    pytest.mark.whole,
    pytest.mark.xdist_group("soak"),  # one run for all
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]


@dataclass(frozen=True)
class Soak:
    exit_code: int
    record: SoakRecord
    said: str


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    folder, said = tmp_path_factory.mktemp("soak") / "out", StringIO()
    code = soak_and_report(SoakOptions(out=folder, duration="16s", rate=8.0), Console(file=said, width=120))
    record = SoakRecord.model_validate_json((folder / "soak.json").read_text())
    return Soak(code, record, said.getvalue())


def test_no_invariant_is_violated_through_faults_and_a_restart(soak: Soak) -> None:
    kept = soak.record.soaked.kept

    assert kept.violations == ()
    assert kept.requests > 200
    assert kept.batches > 0


def test_all_that_was_acknowledged_is_stored_and_comes_to_its_end(soak: Soak) -> None:
    kept = soak.record.soaked.kept

    assert kept.acknowledged > 0
    assert kept.acknowledged <= kept.stored <= kept.acknowledged + kept.unsure
    assert kept.drained_after_s is not None
    assert kept.completed + kept.given_up == kept.requests


def test_the_database_was_away_and_results_came_again(soak: Soak) -> None:
    restart = soak.record.soaked.restart

    assert restart.at_s < restart.answered_at_s
    assert restart.stored_at_s is not None
    assert restart.stored_at_s > restart.answered_at_s


def test_the_exit_code_is_the_verdicts_and_no_password_is_in_the_record(soak: Soak) -> None:
    assert soak.exit_code == soak.record.verdict.exit_code
    assert "the oracle's invariants" in soak.said
    assert "password" not in soak.record.model_dump_json()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (SoakOptions(arm="nobody"), "there is no arm 'nobody'"),
        (SoakOptions(duration="5s"), "5s is no soak"),
        (SoakOptions(duration="long"), "--duration"),
        (SoakOptions(duration="300d", rate=100.0), "--duration: 2,592,000,000 arrivals at 100 a second"),
        (SoakOptions(faults="nowhere.toml"), "nowhere.toml"),
        (SoakOptions("smoke"), "load"),
        (SoakOptions(database="postgresql://u@127.0.0.1:1/x", duration="16s", rate=8.0), "127.0.0.1"),
    ],
)
def test_what_cannot_be_soaked_is_told_in_one_line(options: SoakOptions, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        soak_and_report(replace(options, out=tmp_path / "out"), Console(file=StringIO()))

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
