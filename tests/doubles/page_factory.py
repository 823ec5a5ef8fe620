"""A page of every kind, and one that holds every kind of block, for the suite that all renderers run."""

from functools import cache

import load_factory
from gate_factory import (
    a_calibration,
    a_duel,
    a_floor,
    a_later_run,
    a_run,
    an_outcome,
    checked,
    multiplied,
    rules,
)
from report_factory import WORDS
from soak_factory import GOOD as GOOD_SOAK
from soak_factory import record as soak_record

from claimbench.reports.charts import draw, draw_load, draw_trend
from claimbench.reports.judge.n_plus_one import RepeatedStatement, SizedCount
from claimbench.reports.pages.calibration import calibration_page
from claimbench.reports.pages.gate import gate_page
from claimbench.reports.pages.load import load_page
from claimbench.reports.pages.n_plus_one import n_plus_one_page
from claimbench.reports.pages.page import (
    AtSize,
    Banner,
    Bullets,
    Chart,
    Code,
    Findings,
    Fold,
    LargeFigure,
    LargeFigures,
    Page,
    PageTable,
    Paragraph,
    Rule,
    Section,
    ShownFinding,
    SourceLine,
    Weight,
    columns,
)
from claimbench.reports.pages.run import run_page
from claimbench.reports.pages.soak import soak_page
from claimbench.reports.pages.trend import histories, trend_page
from claimbench.reports.record.calibration import Calibration, Caught
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Equivalence, VerdictValue


@cache
def a_page(kind: str) -> Page:
    """The page of this kind, with its charts."""
    return _MADE[kind]()


def _load() -> Page:
    record = load_factory.record(load_factory.facts(), response_time="p(50)<10")
    return load_page(record, draw_load(record))


def _gate() -> Page:
    run = a_later_run(multiplied("round_trips", 2))
    return gate_page(checked(run, thresholds=rules(base__time_s="<1.05"), duel=a_duel()))


def _trend() -> Page:
    runs = (a_run(), a_later_run())
    return trend_page(runs, draw_trend(histories(runs)), "0.1.0")


def _n_plus_one() -> Page:
    statement = RepeatedStatement(
        "shop/orders.py", 41, "load", "SELECT 1", (SizedCount(3, 3), SizedCount(9, 9))
    )
    return n_plus_one_page([statement], "smoke", "0.1.0", WORDS)


def _unequal() -> ResultRecord:
    told = tuple(f"row {number} differs" for number in range(8))
    different = Equivalence(equal=False, differences=told, rows_compared=9, api_requests_compared=1)
    return a_run().model_copy(update={"equivalence": different})


def _calibration() -> Calibration:
    gate_words = Caught(name="+10 % time", rule="the gate", events=390, trials=400)
    outcome = an_outcome(floors=(a_floor(smallest_found_percent=None),), curve=(gate_words,))
    return a_calibration(
        a_later_run(),
        scenario="smoke",
        scenario_sha256="0" * 64,
        started_at="2026-01-02T03:04:05+00:00",
        environment={},
        method=checked(a_later_run()).method,
        outcomes=(outcome,),
    )


def of_all_blocks(text: str) -> Page:
    """Every kind of block and every field, each with this text in it; verdicts of every tone."""
    checks = tuple(
        ShownFinding(
            subject=f"{value} {text}",
            rule=text,
            value=value,
            measured=f"measured {text}",
            reason=f"because {text}",
            group=text,
            note=f"noted {text}",
            by_size=(AtSize(text, VerdictValue.HOLDS), AtSize(text, VerdictValue.REFUTED)),
            details=(f"in detail {text}",),
            source=SourceLine(text, 7, text, text),
        )
        for value in VerdictValue
    )
    told = (
        Paragraph((f"paragraph {text}", Code(text))),
        Bullets(((f"bullet {text}", Code(text)),)),
        PageTable(
            f"title {text}", columns((f"head {text}",), (f"number {text}",)), ((f"cell {text}", text),)
        ),
        LargeFigures(
            f"figures {text}",
            (LargeFigure(text, text, text, text, VerdictValue.HOLDS), LargeFigure(text, text, text)),
        ),
        Findings(f"findings {text}", checks, f"subject {text}", f"rule {text}", f"by {text}"),
    )
    rest = (
        Chart("drawing", f"chart {text}", f"description {text}", '<svg viewBox="0 0 1 1"></svg>'),
        Fold(f"fold {text}", (Paragraph((f"folded {text}",)),)),
        PageTable(f"empty {text}", columns((f"head {text}",)), ()),
    )
    return Page(
        kind="everything",
        name=text,
        title=f"page {text}",
        version=text,
        started_at=text,
        sha256=text,
        schema=text,
        banner=Banner(VerdictValue.FAIL, "The gate fails", f"reason {text}", 1),
        sections=(
            Section("told", f"section {text}", told, Weight.BRIEF),
            Section("rest", f"rest {text}", rest),
        ),
        cases=checks,
        rules=(Rule(text, text, text, text, text),),
    )


_MADE = {
    "run": lambda: run_page(a_run(), draw(a_run())),
    "unequal": lambda: run_page(_unequal()),
    "load": _load,
    "soak": lambda: soak_page(soak_record(GOOD_SOAK)),
    "gate": _gate,
    "calibration": lambda: calibration_page(_calibration()),
    "trend": _trend,
    "n-plus-one": _n_plus_one,
    "all blocks": lambda: of_all_blocks("a word"),
}
KINDS = tuple(_MADE)
