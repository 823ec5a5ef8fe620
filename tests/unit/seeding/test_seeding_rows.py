import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import plain_seeding as rows
import pytest
from plain_seeding import TABLES, PlainSeed, make_seed

from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.pools import FAKER_VERSION
from claimbench.scenarios.model import BatchDataset

GOLDEN = "5c1ede9d78f62215148c931d8df15be297fc8372bb47ceb4913b9bda6a1acea0"
GOLDEN_FAKER = "40.54.0"


def digest(seed: PlainSeed) -> str:
    sum_ = hashlib.sha256()
    for table in TABLES:
        for row in table.rows(seed):
            sum_.update(repr(row).encode())
    return sum_.hexdigest()


def test_the_same_dataset_gives_the_same_rows_again(dataset: BatchDataset, seed: PlainSeed) -> None:
    assert digest(make_seed(dataset, companies=12)) == digest(seed)


@pytest.mark.skipif(FAKER_VERSION != GOLDEN_FAKER, reason="another Faker knows other words")
def test_the_same_dataset_gives_the_same_rows_on_every_machine_and_python(seed: PlainSeed) -> None:
    assert digest(seed) == GOLDEN


def test_neither_hash_seed_nor_locale_nor_time_zone_changes_a_row(
    dataset: BatchDataset, seed: PlainSeed
) -> None:
    here = Path(__file__)
    code = (
        f"import sys, json; sys.path[:0] = {[str(here.parent), str(here.parents[2] / 'doubles')]!r}\n"
        f"from {here.stem} import digest, make_seed, BatchDataset\n"
        "print(digest(make_seed(BatchDataset(**json.loads(sys.argv[1])), companies=12)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}
    text = json.dumps(
        dataset.model_dump(by_alias=True)
        | {"messages_per_session": "3..9", "characters_per_message": "20..120"}
    )
    found = subprocess.run(
        (sys.executable, "-c", code, text), env=environment, capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == digest(seed)


def test_every_table_has_as_many_types_as_values(seed: PlainSeed) -> None:
    for table in TABLES:
        assert {len(row) for row in table.rows(seed)} == {len(table.types)}


def test_ids_count_from_1_without_gaps(seed: PlainSeed) -> None:
    for table in TABLES:
        ids = [row[0] for row in table.rows(seed)]

        assert ids == list(range(1, len(ids) + 1))


def test_messages_keep_to_the_datasets_ranges(seed: PlainSeed) -> None:
    pending = {row[1] for row in rows.request_rows(seed) if row[4] == "PENDING_BATCHING"}
    lengths = defaultdict(list)
    for _, session_id, _, _, content in rows.message_rows(seed):
        lengths[session_id].append(len(str(content)))
    sizes = [len(lengths[session]) for session in pending]
    characters = [length for session in pending for length in lengths[session]]

    assert (min(sizes), max(sizes)) == (3, 9)
    assert min(characters) >= 20
    assert max(characters) <= 120


def test_roles_alternate_and_the_user_begins(seed: PlainSeed) -> None:
    roles = {(row[2], row[3]) for row in rows.message_rows(seed)}

    assert all(role == ("assistant" if position % 2 else "user") for position, role in roles)


def test_messages_hold_what_makes_escaping_matter(seed: PlainSeed) -> None:
    everything = "".join(str(row[4]) for row in rows.message_rows(seed))

    for wanted in ('"', "\n", "\\", "\t", "🙂", "é", "<b>"):
        assert wanted in everything
    assert any("\u3040" <= character <= "\u30ff" for character in everything)  # Japanese
    assert any("\u0600" <= character <= "\u06ff" for character in everything)  # Arabic


def test_messages_can_be_stored_as_text(seed: PlainSeed) -> None:
    for row in rows.message_rows(seed):
        assert "\x00" not in str(row[4])
        str(row[4]).encode()


def test_no_seeded_moment_lies_after_the_epoch(seed: PlainSeed) -> None:
    moments = [
        value for table in TABLES for row in table.rows(seed) for value in row if hasattr(value, "tzinfo")
    ]

    assert max(moments) < EPOCH


def test_failed_requests_have_had_one_attempt_in_a_batch_that_has_an_error_file(seed: PlainSeed) -> None:
    batches = {row[0]: row for row in rows.batch_rows(seed)}
    failed = [row for row in rows.request_rows(seed) if row[4] == "PROCESSING_FAILED"]

    assert failed
    assert {row[6] for row in failed} == {1}
    assert all(batches[row[5]][9] for row in failed)


def test_requests_are_pending_failed_or_complete_and_only_the_complete_ones_were_paid(
    seed: PlainSeed,
) -> None:
    found = list(rows.request_rows(seed))
    counts = Counter(row[4] for row in found)

    assert counts == {
        "PENDING_BATCHING": 12 * 40 + 20,
        "PROCESSING_FAILED": 19,
        "PROCESSING_COMPLETE": 13 * 25,
    }
    assert {row[4] for row in found if row[9] is not None} == {"PROCESSING_COMPLETE"}
