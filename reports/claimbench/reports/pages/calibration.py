"""The page of a calibration: how often noise alone reddens the gate and its rivals, and what is found."""

from claimbench.reports.judge.statistics import Proportion
from claimbench.reports.pages.page import Bullets, Page, PageTable, Section, Weight, columns
from claimbench.reports.record.calibration import Calibration, Floor, Simulated


def calibration_page(calibration: Calibration) -> Page:
    """What every recorded condition says of the gate."""
    return Page(
        kind="calibration",
        name=calibration.scenario,
        title=f"Calibration of the gate on {calibration.scenario}",
        version=calibration.claimbench,
        started_at=calibration.started_at,
        sha256=calibration.scenario_sha256,
        schema=calibration.schema_,
        sections=tuple(
            _section(number, outcome) for number, outcome in enumerate(calibration.outcomes, start=1)
        ),
    )


def _section(number: int, outcome: Simulated) -> Section:
    title = f"{outcome.condition}: {outcome.runs} gate runs from {outcome.blocks} recorded A/A blocks"
    ours = ("claimbench, the whole gate", str(Proportion(outcome.false_alarms, outcome.runs)))
    rivals = (
        (f"{rival.name}: {rival.rule}", str(Proportion(rival.events, rival.trials)))
        for rival in outcome.rival_false_alarms
    )
    table = PageTable(title, columns(("Rule", "False alarms, with Wilson's 95 % interval")), (ours, *rivals))
    lines = (
        *(_floor(floor) for floor in outcome.floors),
        *(f"{point.name}: found in {Proportion(point.events, point.trials)}" for point in outcome.curve),
        *(
            f"{bias.metric}: the second side was worse in {bias.head_worse} of {bias.blocks} blocks "
            f"(sign test p = {bias.p_value:.2g})"
            for bias in outcome.biases
        ),
    )
    bullets = Bullets(tuple((line,) for line in lines))
    return Section(f"condition-{number}", outcome.condition, (table, bullets), Weight.BRIEF)


def _floor(floor: Floor) -> str:
    found = floor.smallest_found_percent
    smallest = "more than 60 %" if found is None else f"{found:g} %"
    return (
        f"{floor.metric}: noise reaches {floor.noise_percent:.2f} %; with the limit {floor.limit:g} the "
        f"smallest effect found with 80 % power is {smallest}"
    )
