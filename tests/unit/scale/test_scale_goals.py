"""The table of goals: measured, goal, ratio."""

import json
import sys
from pathlib import Path

import pytest
from scale_factory import SIZES, optimized, scale_record, the_turns, turned

from claimbench.errors import UsageError
from claimbench.reports.judge.goals import goals, in_the_way, peer_goals, read_peers
from claimbench.reports.judge.scale import LIMIT, AskedSize
from claimbench.reports.record.store import SCALE, write
from claimbench.reports.render import goals as page_of_goals

MANY = AskedSize(1_000, 100_000)


def test_a_ratio_is_above_1_where_the_goal_is_reached_and_nothing_measured_has_none() -> None:
    found = {goal.name: goal for goal in goals(scale_record())}
    two = found["100,000 requests, API taken out, two connections"]
    one = found["100,000 requests, API taken out, one connection"]
    rate = found["requests/s at 1,000,000 beside 100,000, API taken out"]

    assert (two.measured, two.ratio, two.reached) == (
        "0.80 by wall time, 0.80 by CPU",
        pytest.approx(0.8 / 0.9),
        False,
    )
    assert one.ratio == pytest.approx(0.5 / 0.7)
    assert (rate.measured, rate.ratio, rate.reached) == ("not measured", None, None)
    assert found["memory above start at any size"].reached


def test_more_companies_may_cost_the_fixed_round_trips_more_than_the_fewest_do() -> None:
    alike = [turned("optimized", MANY, 11.0, outside=False)]
    alike.append(turned("optimized", MANY, 11.0, outside=False, round_trips=48))
    turns = [*the_turns(), *alike]
    record = scale_record(turns)
    more = next(point for point in scale_record(optimized(SIZES[2])).points)
    points = (*record.points, more.model_copy(update={"size": 1_000, "round_trips": 160}))
    found = {goal.name: goal for goal in goals(record.model_copy(update={"points": points}))}

    trips = found["round trips of 100,000 requests in 10 to 10,000 companies"]
    assert trips.ratio == pytest.approx((40 + 40) / 160)
    time = found["time of 100,000 requests in 10 to 10,000 companies, API taken out"]
    assert time.measured == "100: 5 s; 1,000: 11 s"
    assert time.reached is False


def test_memory_is_compared_over_the_same_api_and_companies_by_the_medians() -> None:
    small, large = AskedSize(100, 10_000), AskedSize(100, 1_000_000)
    peaks = [
        (small, 5),
        (small, 4),
        (small, 9),
        (large, 6),
        (AskedSize(10, 10_000), 1),
        (AskedSize(1_000, 10_000), 9),
    ]
    turns = [turned("optimized", size, 1.0, outside=False, peak=mib * 2**20) for size, mib in peaks]
    turns.append(turned("optimized", small, 1.0, peak=20 * 2**20))
    found = {goal.name: goal for goal in goals(scale_record(turns))}

    flat = found["memory at 1,000,000 beside 10,000, API taken out"]
    assert (flat.measured, flat.ratio) == ("6.0 MiB / 5.0 MiB = 1.20", pytest.approx(1.0))


def test_how_the_limit_itself_grows_with_the_companies_is_told() -> None:
    turns = [*the_turns(), turned(LIMIT, MANY, 9.0, outside=False)]

    told = in_the_way(scale_record(turns))

    (sentence,) = (line for line in told if line.startswith("The limit itself"))
    assert "(100: 4 s; 1,000: 9 s)" in sentence
    assert not [line for line in in_the_way(scale_record()) if line.startswith("The limit itself")]


def test_ahead_of_every_peer_is_ahead_of_the_best_one(tmp_path: Path) -> None:
    def figure(group: str, name: str, value: float, unit: str) -> dict[str, object]:
        return {"group": group, "name": name, "value": value, "unit": unit}

    file = tmp_path / "peers.json"
    figures = [
        figure("claim and complete", "claimbench's optimized pipeline", 22_000, "rows/s"),
        figure("claim and complete", "claimbench's, otherwise", 9_000, "rows/s"),
        figure("claim and complete", "PgQueuer", 20_000, "rows/s"),
        figure("claim and complete", "Procrastinate", 800, "rows/s"),
        figure("counting probe", "claimbench", 2.0, "µs"),
        figure("counting probe", "a", 8.0, "µs"),
        figure("counting probe", "b", 1.0, "µs"),
    ]
    file.write_text(json.dumps({"version": 1, "figures": figures}))
    rows, probe = peer_goals(read_peers(file))

    assert (rows.ratio, probe.ratio) == (pytest.approx(1.1), 0.5)
    assert rows.measured == "22,000 rows/s, beside 20,000 of the best of 2 others, PgQueuer"
    assert probe.measured == "2 µs, beside 1 of the best of 2 others, b"
    assert peer_goals(())[0].ratio is None
    file.write_text("{}")
    with pytest.raises(UsageError, match="nox -s peers"):
        read_peers(file)


def test_the_table_replaces_what_stands_between_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(SCALE, scale_record(), tmp_path / SCALE.file)
    page = tmp_path / "limit.md"
    page.write_text("# Goals\n<!-- goals -->\nold\n<!-- end of goals -->\nafter\n")
    peers = [
        {"group": "counting probe", "name": name, "value": value, "unit": "µs"}
        for name, value in (("claimbench", 2.0), ("another", 1.0))
    ]
    (tmp_path / "peers.json").write_text(json.dumps({"version": 1, "figures": peers}))
    monkeypatch.setattr(sys, "argv", ["goals", str(tmp_path), str(page), str(tmp_path / "peers.json")])
    for _ in range(2):
        page_of_goals.main()
    text = page.read_text()

    assert "old" not in text
    assert text.startswith("# Goals\n<!-- goals -->\n| What | Measured | Goal | Ratio | Reached |")
    assert text.endswith("<!-- end of goals -->\nafter\n")
    assert text.count("API taken out, two connections | 0.80") == 1
    assert "Not reached: 100,000 requests, API taken out, two connections; " in text
    assert "; counting probe per statement. What stands in the way:" in text
    assert "create batches 25% of the time at 0.80 of the limit" in text
