from report_factory import ARMS, sample

from claimbench.reports.judge.comparison import compare


def test_an_arms_value_is_the_median_of_its_blocks() -> None:
    samples = [
        sample(arm, "run", "time", value, unit="s", block=block)
        for arm, values in (("naive", (4.0, 5.0, 90.0)), ("optimized", (2.0, 2.5, 3.0)))
        for block, value in enumerate(values)
    ]

    (metric,) = compare(samples, ARMS)

    assert metric.values == {"naive": 5.0, "optimized": 2.5}
    assert metric.blocks == 3


def test_only_blocks_that_both_arms_took_are_compared() -> None:
    samples = [sample("naive", "run", "time", 4.0, unit="s", block=block) for block in range(4)]
    samples += [sample("optimized", "run", "time", 2.0, unit="s", block=block) for block in range(1, 6)]

    (metric,) = compare(samples, ARMS)

    assert metric.blocks == 3


def test_several_samples_of_a_block_are_one_replication() -> None:
    samples = [
        sample(arm, "run", "time", value, unit="s", block=0)
        for arm in ("naive", "optimized")
        for value in (1.0, 2.0, 9.0)
    ]

    (metric,) = compare(samples, ARMS)

    assert metric.blocks == 1
    assert metric.values["naive"] == 2.0
    assert metric.reduction is None


def test_arms_without_a_common_block_are_not_compared() -> None:
    samples = [
        sample("naive", "run", "statements", 4.0, block=0),
        sample("optimized", "run", "statements", 2.0, block=1),
        sample("optimized", "run", "statements", 2.0, block=2),
    ]

    (metric,) = compare(samples, ARMS)

    assert metric.reduction is None


def test_metrics_stand_in_the_order_of_the_catalogue_and_strangers_last() -> None:
    names = ("made_up", "time", "statements", "round_trips")
    samples = [sample(arm.name, "run", name, 1.0) for name in names for arm in ARMS]

    found = [metric.metric for metric in compare(samples, ARMS)]

    assert found == ["round_trips", "statements", "time", "made_up"]


def test_sizes_and_round_trip_times_are_kept_apart() -> None:
    samples = [
        sample(arm.name, "run", "time", 1.0, rtt_ms=rtt, size=size)
        for arm in ARMS
        for rtt in (0.0, 1.0)
        for size in (10, 50)
    ]

    found = [(metric.size, metric.rtt_ms) for metric in compare(samples, ARMS)]

    assert found == [(10, 0.0), (10, 1.0), (50, 0.0), (50, 1.0)]
