"""What is one thing to a reader is told once, by the finding that says most."""

from gate_factory import a_later_run, checked, multiplied

from claimbench.reports.pages import gate_tables as tables
from claimbench.reports.pages.folding import folded, grouped
from claimbench.reports.record.values import Finding, VerdictValue
from claimbench.reports.render import gate as renderers


def a_finding(subject: str, value: VerdictValue = VerdictValue.FAIL, rule: str = "zero tolerance") -> Finding:
    return Finding(tier="counter", subject=subject, rule=rule, value=value, measured="1 -> 2", reason="worse")


def test_that_the_whole_run_at_the_largest_size_speaks_for_stages_and_sizes() -> None:
    names = (
        "optimized.round_trips{stage:create_batches, companies:200}",
        "optimized.round_trips{stage:run, companies:10}",
        "optimized.round_trips{stage:run, companies:200}",
    )
    (group,) = grouped([a_finding(name) for name in names])
    assert group.subject == f"{names[2]} and 2 more places"


def test_that_a_fail_at_a_stage_is_told_rather_than_a_pass_of_the_whole_run() -> None:
    stage = "optimized.rows{stage:create_batches, companies:6}"
    (group,) = grouped(
        [a_finding("optimized.rows{stage:run, companies:6}", VerdictValue.PASS), a_finding(stage)]
    )
    assert group.leading.subject == stage


def test_that_arms_metrics_and_rules_stay_apart_worst_first() -> None:
    groups = grouped(
        [
            a_finding("optimized.rows{stage:run, companies:6}", VerdictValue.INCONCLUSIVE),
            a_finding("naive.rows{stage:run, companies:6}"),
            a_finding("naive.round_trips{stage:run, companies:6}"),
            a_finding("naive.rows{stage:run, companies:6}", rule="<1.2"),
            a_finding("base.time_s", rule="<1.05"),
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
    one = "naive.rows{stage:run, companies:6}"
    assert folded(["a.buffers{stage:run, companies:6}", one, "a.buffers{stage:run, companies:2}"]) == (
        f"a.buffers (2 places), {one}"
    )
    assert not folded([])


def test_that_a_red_gate_fits_a_narrow_terminal_in_two_lines_for_each_metric() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 2)))
    lines = renderers.to_terminal(gate, 80).splitlines()
    assert len(tables.shown(gate)) == sum(line.startswith(("✗", "?", "!", "✓")) for line in lines)
    assert max(map(len, lines)) <= 80
