"""What is one thing to a reader is told once, by the finding that says most."""

from gate_factory import a_later_run, checked, multiplied

from claimbench.reports.judge.folding import folded, grouped
from claimbench.reports.pages.gate import gate_page, shown
from claimbench.reports.record.values import Finding, Place, VerdictValue
from claimbench.reports.render import terminal

FAIL, PASS, INCONCLUSIVE = VerdictValue.FAIL, VerdictValue.PASS, VerdictValue.INCONCLUSIVE


def at(metric: str, stage: str = "run", size: int = 6, arm: str = "naive") -> Place:
    return Place(arm=arm, metric=metric, stage=stage, size=size)


def a_finding(
    place: Place | None, value: VerdictValue = FAIL, rule: str = "zero tolerance", subject: str = ""
) -> Finding:
    return Finding(
        tier="counter",
        subject=subject or str(place),
        rule=rule,
        value=value,
        measured="1 -> 2",
        reason="worse",
        place=place,
    )


def test_that_the_whole_run_at_the_largest_size_speaks_for_stages_and_sizes() -> None:
    places = (
        at("round_trips", "create_batches", 200),
        at("round_trips", size=10),
        at("round_trips", size=200),
    )
    (group,) = grouped([a_finding(place) for place in places])

    assert group.subject == "naive.round_trips{stage:run, size:200} and 2 more places"


def test_that_a_fail_at_a_stage_is_told_rather_than_a_pass_of_the_whole_run() -> None:
    stage = at("rows", "create_batches")
    (group,) = grouped([a_finding(at("rows"), PASS), a_finding(stage)])

    assert group.leading.place == stage


def test_that_arms_metrics_and_rules_stay_apart_worst_first() -> None:
    groups = grouped(
        [
            a_finding(at("rows", arm="optimized"), INCONCLUSIVE),
            a_finding(at("rows")),
            a_finding(at("round_trips")),
            a_finding(at("rows"), rule="<1.2"),
            a_finding(None, rule="<1.05", subject="base.time_s"),
        ]
    )

    assert [(each.leading.subject.partition("{")[0], each.leading.rule) for each in groups] == [
        ("naive.round_trips", "zero tolerance"),
        ("naive.rows", "zero tolerance"),
        ("naive.rows", "<1.2"),
        ("base.time_s", "<1.05"),
        ("optimized.rows", "zero tolerance"),
    ]


def test_that_names_are_folded_but_a_single_one_is_told_in_full() -> None:
    places = (at("buffers", arm="a"), at("rows"), at("buffers", size=2, arm="a"))

    assert folded(places) == "a.buffers (2 places), naive.rows{stage:run, size:6}"
    assert not folded([])


def test_that_a_red_gate_fits_a_narrow_terminal_in_two_lines_for_each_metric() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 2)))
    lines = terminal.render(gate_page(gate), 80).splitlines()

    assert len(shown(gate)) == sum(line.startswith(("✗", "?", "!", "✓")) for line in lines)
    assert max(map(len, lines)) <= 80
