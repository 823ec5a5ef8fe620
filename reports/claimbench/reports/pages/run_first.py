"""What the page of a run begins with: a sentence, four figures, and the words of all the rest."""

from collections.abc import Iterator

from claimbench.reports.pages.page import (
    Bullets,
    Code,
    LargeFigure,
    LargeFigures,
    Line,
    Paragraph,
    Section,
    Weight,
)
from claimbench.reports.record.run import ClaimResult, Metric, ResultRecord
from claimbench.reports.record.values import Interval, VerdictValue
from claimbench.reports.wording import count_text, interval_text, metric_title, percent_text, value_text
from claimbench.scenarios.grammar import AtLeast, Reduction, number_text, parse_claimed
from claimbench.scenarios.metrics import RUN, TIMETABLE

SHOWN = (
    ("statements", RUN, "statements"),
    ("peak_memory", RUN, "peak memory"),
    ("time", RUN, "time"),
    ("cache_hit_rate", TIMETABLE, "of look-ups answered by the cache"),
    ("round_trips", RUN, "round trips"),
    ("rows", RUN, "rows"),
)
"""Metric, step, and what it is called behind a number; the first four that were measured are shown."""
SAID, FIGURES = 3, 4
COUNTED = frozenset({"statements", "round_trips", "rows"})
"""Of these there are fewer, of the others there is less."""


def glance(record: ResultRecord) -> Section:
    """The sentence and the figures."""
    blocks = (Paragraph((sentence(record),)), LargeFigures("At a glance", tuple(_figures(record))))
    return Section("glance", "At a glance", blocks, Weight.BRIEF)


def sentence(record: ResultRecord) -> str:
    """What the candidate does, with how much less; and what it means that a claim is refuted."""
    names = {arm.role: arm.name for arm in record.arms}
    told = [f"{_less(metric)} {what}" for metric, what in _shown(record) if metric.reduction][:SAID]
    amounts = f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)
    same = f"{names['candidate']} does the same work as {names['reference']}"
    refuted = any(claim.verdict is VerdictValue.REFUTED for claim in record.claims)
    meant = (
        f" A claim is refuted where less was measured than was published: that is said of the publication, "
        f"not against {names['candidate']}."
    )
    return f"{same}{f' with {amounts}' if amounts else ''}.{meant if refuted else ''}"


def words(record: ResultRecord) -> Section:
    """Who was compared, and what the words mean, to somebody who never saw what was claimed."""
    terms = [(each.word, each.meaning) for each in record.words.terms]
    lines: list[Line] = [(Code(word), f": {meaning}") for word, meaning in (*terms, *_own_words(record))]
    return Section("words", "Who was compared, and the words", (Bullets(tuple(lines)),), Weight.BRIEF)


def _own_words(record: ResultRecord) -> Iterator[tuple[str, str]]:
    runs, run = record.scenario.runs, record.words.run
    per_run = f"given per {run}"
    if runs > 1:
        total = 90 * runs + 1
        each = count_text(total / runs)
        per_run += f", the total of {runs} runs divided by {runs}, so that {total} in all is {each}"
    yield "exact count", f"counted one by one and the same in every repeat, not estimated; {per_run}"
    if record.claims:
        yield (
            "holds, exceeded, refuted, inconclusive",
            "what was measured is as published, beyond it on the better side, less, or cannot be told",
        )


def _shown(record: ResultRecord) -> Iterator[tuple[Metric, str]]:
    """The metrics to show at the dataset's own size, time at the round trip that is judged, if it may be."""
    asked = record.scenario
    for name, stage, what in SHOWN:
        if name == "time" and record.time_invalid:
            continue
        rtt_ms = asked.judged_rtt_ms if name == "time" else 0.0
        wanted = (name, stage, asked.size, rtt_ms)
        for each in record.metrics:
            if (each.metric, each.stage, each.size, each.rtt_ms) == wanted:
                yield each, what


def _figures(record: ResultRecord) -> Iterator[LargeFigure]:
    claims = {(claim.metric, claim.stage): claim for claim in record.claims}
    for metric, what in [*_shown(record)][:FIGURES]:
        claim = claims.get((metric.metric, metric.stage))
        yield _figure(record, metric, what, claim)


def _figure(record: ResultRecord, metric: Metric, what: str, claim: ClaimResult | None) -> LargeFigure:
    arms = [arm.name for arm in record.arms if arm.name in metric.values]
    change = " → ".join(value_text(metric.values[arm], metric.unit) for arm in arms)
    claimed = _claimed(claim) if claim else ""
    verdict = claim.verdict if claim else None
    if metric.reduction is None:
        return LargeFigure(change, what, metric_title(metric.metric), claimed, verdict)
    if metric.reduction.ci_low != metric.reduction.ci_high:
        change = f"{change} [{interval_text(_as_said(metric.reduction)).partition('[')[2]}"
    return LargeFigure(_less(metric), what, f"{change} per {record.words.run}", claimed, verdict)


def _less(metric: Metric) -> str:
    """`99.1 % fewer`, or `more` where the candidate needs more."""
    reduction = metric.reduction or Interval(value=0, ci_low=0, ci_high=0)
    fewer = "fewer" if metric.metric in COUNTED else "less"
    return f"{percent_text(_as_said(reduction).value)} {'more' if reduction.value < 0 else fewer}"


def _as_said(reduction: Interval) -> Interval:
    """Turned round where there is more: 20 % more with an interval of [10 %, 30 %]."""
    if reduction.value >= 0:
        return reduction
    return Interval(value=-reduction.value, ci_low=-reduction.ci_high, ci_high=-reduction.ci_low)


def _claimed(claim: ClaimResult) -> str:
    match parse_claimed(claim.claimed):
        case Reduction() as claimed:
            return f"{number_text(claimed.low_percent)} to {number_text(claimed.high_percent)} % less"
        case AtLeast() as claimed:
            return f"{number_text(claimed.percent)} % or more"
        case _:
            return claim.claimed
