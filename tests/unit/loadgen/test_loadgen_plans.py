"""Reading a plan: its steps in the order in which the server takes them."""

import pytest

from claimbench.loadgen.workloads.batch_pipeline.plans import steps_of

INDEX_SCAN = {"Node Type": "Index Scan", "Index Name": "ix_status", "Relation Name": "request"}
SEQ_SCAN = {"Node Type": "Seq Scan", "Relation Name": "batch"}
BITMAP = {
    "Node Type": "Bitmap Heap Scan",
    "Relation Name": "request",
    "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "ix_batch"}],
}


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        (INDEX_SCAN, ["ix_status"]),
        (SEQ_SCAN, ["a scan of all batch"]),
        (BITMAP, ["ix_batch"]),
        ({"Node Type": "Limit", "Plans": [INDEX_SCAN]}, ["ix_status"]),
        ({"Node Type": "Sort", "Plans": [INDEX_SCAN]}, ["ix_status", "a sort"]),
        ({"Node Type": "Incremental Sort", "Plans": [BITMAP]}, ["ix_batch", "a sort"]),
        ({"Node Type": "Nested Loop", "Plans": [SEQ_SCAN, BITMAP]}, ["a scan of all batch", "ix_batch"]),
        ({"Node Type": "Result"}, []),
    ],
)
def test_the_steps_of_a_plan(plan: dict[str, object], steps: list[str]) -> None:
    assert steps_of([{"Plan": plan, "Planning Time": 0.1}]) == steps
