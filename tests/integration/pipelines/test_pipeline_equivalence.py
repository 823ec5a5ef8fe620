"""Whatever goes wrong at the API, all three pipelines end in the same rows and ask the same things."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pipeline_stand import Scene, faults

from claimbench.impl.ports import Policy
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.workloads.work import compare_work

TROUBLES: dict[str, dict[str, object]] = {
    "none": {},
    "failing lines": {"failed_line_rate": 0.3},
    "batches cut by bytes": {"policy": Policy(bytes_per_batch_max=4_000)},
    "lines too large": {"policy": Policy(bytes_per_batch_max=620)},
    "batches cut by count": {"policy": Policy(requests_per_batch_max=4)},
    "validation failure": {"injected": faults(FaultKind.VALIDATION_FAILURE, match='"company_id":"1"')},
    "all lines failed": {"injected": faults(FaultKind.ALL_LINES_FAILED, match='"company_id":"2"')},
    "line errors": {"injected": faults(FaultKind.LINE_ERROR, rate=0.2, status=400)},
    "status code zero": {"injected": faults(FaultKind.STATUS_CODE_ZERO, rate=0.2)},
    "malformed lines": {"injected": faults(FaultKind.INVALID_OUTPUT_LINE, rate=0.2)},
    "duplicated lines": {"injected": faults(FaultKind.DUPLICATED_LINE, rate=0.3)},
    "missing lines": {"injected": faults(FaultKind.MISSING_LINE, rate=0.2)},
    "answers not JSON": {"injected": faults(FaultKind.ANSWER_NOT_JSON, rate=0.2)},
    "answers off schema": {"injected": faults(FaultKind.ANSWER_OFF_SCHEMA, rate=0.2)},
    "no error file id": {"injected": faults(FaultKind.EMPTY_ERROR_FILE_ID)},
    "late output file id": {"injected": faults(FaultKind.LATE_OUTPUT_FILE_ID, seconds=3_000)},
    "wrong counts": {"injected": faults(FaultKind.WRONG_COUNTS)},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_all_pipelines_do_the_same_work_under_the_same_trouble(
    open_scene: Callable[..., Scene], trouble: str
) -> None:
    done = []
    for arm in ("naive", "optimized", "integrated"):
        scene = open_scene(**TROUBLES[trouble])
        scene.drive(arm)
        assert scene.unfinished() == []
        done.append(scene.work_done(arm))

    differences = [compare_work(done[0], other).differences for other in done[1:]]
    assert differences == [(), ()]


PASSING: dict[str, dict[str, object]] = {
    "validation failures": {"injected": faults(FaultKind.VALIDATION_FAILURE, nth=(1, 2, 3))},
    "token limits": {"injected": faults(FaultKind.TOKEN_LIMIT, nth=(1, 2, 3, 5, 8))},
    "a small token limit": {"limits": Limits(enqueued_tokens=1_500)},
    "few batches an hour": {"limits": Limits(batches_per_hour=2)},
    "rate limits": {"injected": faults(FaultKind.RATE_LIMIT, rate=0.2)},
    "server errors": {"injected": faults(FaultKind.SERVER_ERROR, rate=0.2)},
    "lost requests": {"injected": faults(FaultKind.RESET_BEFORE, rate=0.2)},
    "lost responses": {"injected": faults(FaultKind.TIMEOUT_AFTER, on="batches.create", rate=0.5)},
    "truncated downloads": {"injected": faults(FaultKind.TRUNCATED_DOWNLOAD, rate=0.5)},
    "bad gateways": {"injected": faults(FaultKind.CONTENT_BAD_GATEWAY, rate=0.5)},
    "files that show late": {"injected": faults(FaultKind.FILE_NOT_FOUND_AFTER_UPLOAD, nth=(1, 2))},
    "expired batches": {"injected": faults(FaultKind.EXPIRE, nth=(1, 3), share=0.5)},
    "cancelled batches": {"injected": faults(FaultKind.CANCEL, nth=(1, 2), share=0.5)},
    "slow batches": {"injected": faults(FaultKind.SLOW_BATCH, rate=0.5, seconds=9_000)},
}
"""Trouble that befalls calls and batches in their order, which differs between the pipelines."""

SENT_AGAIN = frozenset({"expired batches", "cancelled batches"})
"""What these did not finish has to be asked again; nothing else has."""


@pytest.mark.parametrize("arm", ["naive", "optimized"])
@pytest.mark.parametrize("trouble", PASSING)
def test_passing_trouble_loses_nothing_and_doubles_nothing(
    open_scene: Callable[..., Scene], trouble: str, arm: str
) -> None:
    scene = open_scene(**PASSING[trouble])

    scene.drive(arm, runs=6)
    scene.drive(arm, runs=9, step=timedelta(hours=9))

    assert scene.unfinished() == []
    assert scene.fake.meters().duplicates == 0 or trouble in SENT_AGAIN
    assert scene.rows("SELECT id FROM ai_batch_request WHERE status <> 'PROCESSED'") == []
