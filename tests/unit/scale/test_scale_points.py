"""Sizes of a scale report: how they are written, and what is refused before anything is seeded."""

import shutil

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.commands.scale import read_parts
from claimbench.loadgen.scale.points import GrownSize, check_room, read_points
from claimbench.scenarios.loader import load_batch


def test_points_are_companies_by_requests_each_and_come_in_the_order_of_their_size() -> None:
    assert read_points("100x1000, 10x1000,10×10") == (
        GrownSize(10, 10),
        GrownSize(10, 1_000),
        GrownSize(100, 1_000),
    )


@pytest.mark.parametrize(
    "text", ["", "10", "10x", "0x5", "10x-1", "10x1000,", "tenx10", "10x10,10x10", "1e3x2"]
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_points(text)

    assert "--points" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_companies_of_a_size_are_alike() -> None:
    dataset = GrownSize(7, 30).dataset(load_batch("smoke").dataset)

    assert (dataset.companies, dataset.requests_per_company, dataset.skew) == (7, 30, 0)


def test_a_size_that_does_not_fit_the_disk_is_refused_with_its_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    dataset = load_batch("scale").dataset
    check_room((GrownSize(10, 1_000),), dataset, budget_s=300)
    with pytest.raises(UsageError, match=r"1000x1000 needs about .* GB of disk, and 1\.0 GB are free"):
        check_room((GrownSize(10, 10), GrownSize(1_000, 1_000)), dataset, budget_s=10_000)


def test_a_size_beyond_the_budget_is_refused_with_its_estimate() -> None:
    with pytest.raises(UsageError, match=r"takes about 125 s at best, and the budget is 60 s"):
        check_room((GrownSize(100, 10_000),), load_batch("scale").dataset, budget_s=60)


def test_an_unknown_part_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no part 'speed'.*ablation"):
        read_parts("points,speed")
    assert read_parts("limit,points") == ("points", "limit")
