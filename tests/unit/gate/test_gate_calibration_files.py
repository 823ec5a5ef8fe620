"""A calibration that was edited, by hand or by a fault, is refused in one line, whatever was edited in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gate_factory import a_calibration, a_duel, a_later_run
from rich.console import Console
from typer.testing import CliRunner

from claimbench.errors import ClaimbenchError, ExitCode, UsageError
from claimbench.loadgen.commands.cli import command_line
from claimbench.loadgen.gate.calibrating import CalibrateOptions, calibrate_and_report
from claimbench.loadgen.gate.checking import refuse_below_floor, refuse_foreign
from claimbench.reports.judge.calibration import INDEPENDENT_BLOCKS
from claimbench.reports.record.calibration import (
    Calibration,
    Condition,
)
from claimbench.reports.record.gate import Fitness
from claimbench.reports.record.store import CALIBRATION, read, to_json
from claimbench.reports.record.values import Sample
from claimbench.scenarios.thresholds import parse_thresholds

Key = tuple[str | int, ...]
MACHINE = {"cpu": "one", "cores": 2, "cores_usable": 2}
RUN = a_later_run().model_copy(update={"environment": MACHINE})
WRONG = (
    True,
    "much",
    -1,
    0,
    float("nan"),
    float("inf"),
    5e-324,
    1e308,
    10**20,
    None,
    [],
    {},
    "two\n::error::lines",
)
FAIR_EXITS = {ExitCode.USAGE, ExitCode.INCONCLUSIVE, ExitCode.NOTHING_TO_COMPARE}


def recorded(samples: tuple[Sample, ...] = a_duel().samples[:1]) -> Calibration:
    """Every kind of value that there is; without samples too few blocks to simulate from."""
    condition = Condition(name="quiet", samples=samples, fitness=Fitness(load_per_core=0.1))
    return a_calibration(RUN, conditions=(condition,))


def table() -> Any:
    return json.loads(to_json(recorded()))


def keys(value: Any, above: Key = ()) -> Iterator[Key]:
    """Of every value in a document, and of everything that holds values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*above, key)
        yield from keys(each, (*above, key))


def edited(folder: Path, key: Key, *value: object, of: Calibration | None = None) -> Path:
    """The file with another value at this key, or without the key."""
    document = json.loads(to_json(of)) if of else table()
    holder = document
    for part in key[:-1]:
        holder = holder[part]
    if value:
        holder[key[-1]] = value[0]
    else:
        del holder[key[-1]]
    file = folder / "calibration.json"
    file.write_text(json.dumps(document))
    return file


def believed(file: Path) -> None:
    """What `check --calibration` and `calibrate --from` make of it."""
    refuse_foreign(read(CALIBRATION, file), RUN, file)
    refuse_below_floor(parse_thresholds(["base.time_s: <1.05"]), file)
    options = CalibrateOptions("smoke", 60, 1, "optimized", False, "auto", file, file)
    calibrate_and_report(options, Console(quiet=True))


def fault_of(file: Path) -> str:
    """What else than one line with a fair exit code came of it; nothing if it was that, or was believed."""
    try:
        believed(file)
    except ClaimbenchError as error:
        return "" if error.exit_code in FAIR_EXITS and "\n" not in str(error) else str(error)
    except Exception as error:
        return repr(error)
    return ""


def test_a_calibration_that_nobody_edited_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(to_json(recorded()))

    believed(file)


def test_whatever_is_edited_is_told_in_one_line_or_believed(tmp_path: Path) -> None:
    tried = [(key, (value,)) for key in keys(table()) for value in WRONG] + [
        (key, ()) for key in keys(table())
    ]
    faults = {
        f"{key} {value}": fault for key, value in tried if (fault := fault_of(edited(tmp_path, key, *value)))
    }

    assert len(tried) > 1_000
    assert faults == {}


def enough_samples() -> tuple[Sample, ...]:
    """Of both metrics that a calibration simulates, as many blocks as it needs."""
    times = a_duel(blocks=INDEPENDENT_BLOCKS).samples
    return (*times, *(each.model_copy(update={"metric": "peak_memory"}) for each in times))


def test_so_is_an_edited_method_by_which_gate_runs_are_simulated(tmp_path: Path) -> None:
    whole = recorded(enough_samples())
    looks = [([6, 6], [0.5, 0.5]), ([6], [0.5, 0.5]), ([1], [1.0]), ([6, 12], [0.5, 0.6])]
    methods = [{"looks": blocks, "shares": shares} for blocks, shares in looks]
    method = json.loads(to_json(whole))["method"]
    faults = [
        fault_of(edited(tmp_path, ("method",), method | each, of=whole))
        for each in (*methods, *({key: value} for key in method for value in WRONG if isinstance(value, int)))
    ]

    assert [fault for fault in faults if fault] == []


OUTCOME = ("outcomes", 0)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ((*OUTCOME, "floors", 0, "noise_percent"), -1.0, "outcomes[0].floors[0].noise_percent"),
        ((*OUTCOME, "floors", 0, "noise_percent"), True, "outcomes[0].floors[0].noise_percent"),
        ((*OUTCOME, "floors", 0, "noise_percent"), float("nan"), "outcomes[0].floors[0].noise_percent"),
        ((*OUTCOME, "floors", 0, "limit"), 5e-324, "outcomes[0].floors[0].limit"),
        ((*OUTCOME, "floors", 0, "limit"), -1.05, "outcomes[0].floors[0].limit"),
        ((*OUTCOME, "floors", 0, "smallest_found_percent"), -8, "outcomes[0].floors[0].smallest_found"),
        ((*OUTCOME, "curve", 0, "trials"), 0, "outcomes[0].curve[0].trials"),
        ((*OUTCOME, "curve", 0, "events"), 401, "outcomes[0].curve[0]: 401 events in 400 trials"),
        ((*OUTCOME, "rival_false_alarms", 0, "events"), -1, "outcomes[0].rival_false_alarms[0].events"),
        ((*OUTCOME, "biases", 0, "p_value"), 1.1, "outcomes[0].biases[0].p_value"),
        ((*OUTCOME, "biases", 0, "head_worse"), 61, "outcomes[0].biases[0]: 61 of 60 blocks"),
        ((*OUTCOME, "false_alarms"), 401, "outcomes[0]: 401 false alarms in 400 runs"),
        ((*OUTCOME, "runs"), 0, "outcomes[0].runs"),
        ((*OUTCOME, "blocks"), "60", "outcomes[0].blocks"),
        (("conditions", 0, "samples", 0, "value"), 5e-324, "conditions[0].samples[0].value"),
        (("conditions", 0, "samples", 0, "value"), True, "conditions[0].samples[0].value"),
        (("method", "alpha"), 0, "method.alpha"),
        (("method", "looks"), [], "method.looks"),
        (("method", "seed"), -1, "method.seed"),
        (("environment", "cores_usable"), True, "environment: cores_usable is True"),
        (("environment", "cores"), "2", "environment: cores is '2'"),
        (("started_at",), "2026-01-01T00:00:00", "started_at"),
        (("started_at",), "yesterday", "started_at"),
    ],
)
def test_what_no_calibration_can_hold_is_refused_by_its_key(
    tmp_path: Path, key: Key, value: object, told: str
) -> None:
    file = edited(tmp_path, key, value)
    with pytest.raises(UsageError) as refused:
        read(CALIBRATION, file)

    assert str(refused.value).startswith(f"{file}: {told}")
    assert refused.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("key", [("scenario_sha256",), ("method",), (*OUTCOME, "floors", 0, "limit")])
def test_a_key_that_lacks_is_named(tmp_path: Path, key: Key) -> None:
    with pytest.raises(UsageError, match=f"{key[-1]}: field required"):
        read(CALIBRATION, edited(tmp_path, key))


@pytest.mark.parametrize("option", ["--blocks", "--simulations"])
def test_more_than_a_calibration_can_hold_is_refused_before_it_begins(option: str) -> None:
    ended = CliRunner().invoke(command_line(["calibrate"]), ["calibrate", "smoke", option, "1000001"])

    assert ended.exit_code == ExitCode.USAGE
    assert "1000000" in ended.output
