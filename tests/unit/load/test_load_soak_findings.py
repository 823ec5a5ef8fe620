from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from soak_factory import GOOD, KEPT, record, sample

from claimbench.loadgen.soak.evidence import Away, RetryLease, interrupted, turn_of
from claimbench.reports.judge.soak import findings, verdict, worst_burst
from claimbench.reports.pages.page import Page
from claimbench.reports.pages.soak import soak_page
from claimbench.reports.record.load import SeriesPoint
from claimbench.reports.record.soak import Restart, Soaked, SoakRecord, SoakSample
from claimbench.reports.render import html, markdown, terminal
from claimbench.reports.render.folder import write_folder

START = datetime(2026, 1, 15, 12, tzinfo=UTC)


def changed(**changes: object) -> Soaked:
    return GOOD.model_copy(update=changes)


def broken(soaked: Soaked) -> list[str]:
    return [finding.subject for finding in findings(soaked) if finding.value != "pass"]


def growing(**by: int) -> tuple[SoakSample, ...]:
    (field, step), *_ = by.items()
    return tuple(sample(at, **{field: getattr(sample(at), field) + step * at}) for at in range(12))


def test_a_steady_service_that_keeps_everything_passes() -> None:
    assert broken(GOOD) == []
    assert verdict(GOOD, findings(GOOD)).exit_code == 0


@pytest.mark.parametrize(
    ("soaked", "name"),
    [
        (changed(samples=growing(memory_bytes=5_000_000)), "no growth: memory of the service (MB)"),
        (changed(samples=growing(connections=1)), "no growth: connections to the database"),
        (changed(samples=growing(locks=8)), "no growth: locks in the database"),
        (changed(samples=growing(pending=20)), "no growth: requests that wait for a batch"),
        (changed(samples=growing(unfinished=60)), "no growth: requests without a result"),
        (changed(samples=()), "no growth: locks in the database"),
        (
            changed(restart=Restart(at_s=6, answered_at_s=7, stored_at_s=17)),
            "results are stored again after the restart",
        ),
        (
            changed(restart=Restart(at_s=6, answered_at_s=7, stored_at_s=None)),
            "results are stored again after the restart",
        ),
        (changed(kept=KEPT.model_copy(update={"stored": 99})), "sessions stored that were acknowledged"),
        (changed(kept=KEPT.model_copy(update={"stored": 103})), "sessions stored that were acknowledged"),
        (changed(kept=KEPT.model_copy(update={"drained_after_s": None})), "every request came to its end"),
    ],
)
def test_what_grows_or_goes_missing_fails_the_soak_by_its_name(soaked: Soaked, name: str) -> None:
    found = findings(soaked)

    assert name in broken(soaked)
    assert verdict(soaked, found).value == "fail"
    assert verdict(soaked, found).exit_code == 1


def test_lost_work_weighs_more_than_an_unfit_generator_and_that_more_than_growth() -> None:
    lost = KEPT.model_copy(update={"violated": 1, "violations": ("request 7 was never answered",)})
    grown = growing(pending=20)
    all_at_once = changed(samples=grown, problems=("the generator was busy",), kept=lost)
    unfit = changed(samples=grown, problems=("the generator was busy",))

    assert verdict(all_at_once, findings(all_at_once)).exit_code == 5
    assert verdict(all_at_once, findings(all_at_once)).reason == "request 7 was never answered"
    assert verdict(unfit, findings(unfit)).exit_code == 3


def point(at_s: float, failed: int) -> SeriesPoint:
    return SeriesPoint(
        at_s=at_s,
        arrivals=10,
        failed=failed,
        dropped=0,
        response_p50_ms=1,
        response_p95_ms=1,
        lag_p95_ms=1,
    )


def test_the_worst_burst_is_the_stretch_with_the_most_failures_and_its_length() -> None:
    series = [point(at, failed) for at, failed in ((0, 1), (30, 4), (31, 0), (33, 5), (60, 2))]

    burst = worst_burst(series, 1.0)

    assert (burst.failed, burst.seconds) == (9, 4.0)


def test_errors_outside_the_restart_are_counted_against_what_the_scenario_allows() -> None:
    far = GOOD.generated.model_copy(update={"series": (point(0, 1), point(30, 1), point(60, 1))})

    assert "errors outside the restart" in broken(changed(generated=far))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


CLAIMS = (RetryLease(at(10), at(12)), RetryLease(at(20), at(22)), RetryLease(at(30), None))


@pytest.mark.parametrize(("seconds", "of"), [(10, 0), (15, 0), (20, 1), (29.9, 1), (99, 2)])
def test_a_chat_completion_belongs_to_the_last_claim_before_it(seconds: float, of: int) -> None:
    assert turn_of(int(at(seconds).timestamp() * 1e6), CLAIMS) == CLAIMS[of].turn


def test_a_chat_completion_that_nobody_claimed_is_a_turn_of_its_own() -> None:
    early = int(at(9).timestamp() * 1e6)

    assert turn_of(early, CLAIMS) == early
    assert turn_of(early, ()) == early


@pytest.mark.parametrize(
    ("since", "until", "hit"), [(13, 19, []), (11, 11.5, [0]), (12, 20, [0, 1]), (40, 41, [2])]
)
def test_the_turns_that_an_outage_fell_into_are_those_that_it_overlaps(
    since: float, until: float, hit: list[int]
) -> None:
    found = interrupted({7: CLAIMS}, Away(at(since), at(until)))

    assert found == frozenset(CLAIMS[number].turn for number in hit)


@pytest.mark.parametrize("draw", [terminal.render, markdown.render, html.render])
def test_the_page_names_every_finding_and_the_verdict(draw: Callable[[Page], str]) -> None:
    page = unescape(draw(soak_page(record(GOOD))))

    assert [each.subject for each in findings(GOOD) if each.subject not in page] == []
    assert "The service bears the load" in page
    assert "70 % of the capacity of 71" in page.replace("70%", "70 %")


def test_the_record_survives_its_file(tmp_path: Path) -> None:
    page = write_folder(record(GOOD), tmp_path)

    assert SoakRecord.model_validate_json((tmp_path / "soak.json").read_text()) == record(GOOD)
    assert page.read_text() == markdown.render(soak_page(record(GOOD)))
