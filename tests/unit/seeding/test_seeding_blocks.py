"""What is copied in blocks is what the plain program says row by row, value for value, byte for byte."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import plain_seeding
import psycopg
import pytest
from psycopg.adapt import Transformer
from psycopg.pq import Format

from claimbench.loadgen.workloads.batch_pipeline.seeding import cells
from claimbench.loadgen.workloads.batch_pipeline.seeding.draws import Draws
from claimbench.loadgen.workloads.batch_pipeline.seeding.seeder import TABLES, LongTable, make_seed
from claimbench.scenarios.model import BatchDataset

PLAIN = {table.name: table for table in plain_seeding.TABLES}


def dataset_of(**changes: Any) -> BatchDataset:
    values: dict[str, Any] = {
        "seed": 7,
        "companies": 12,
        "requests_per_company": 40,
        "history_per_company": 25,
        "messages_per_session": "3..9",
        "characters_per_message": "20..120",
        "skew": 1.0,
    }
    return BatchDataset(**{**values, **changes})


def plain_block(table: plain_seeding.PlainTable, rows: Iterator[Any]) -> bytes:
    """The rows as psycopg writes them for COPY BINARY, which is how they were copied before."""
    transformer = Transformer()
    transformer.set_dumper_types([psycopg.adapters.types[name].oid for name in table.types], Format.BINARY)
    written = bytearray()
    for row in rows:
        written += len(row).to_bytes(2, "big")
        for value in transformer.dump_sequence(row, [Format.BINARY] * len(row)):
            written += cells.NULL if value is None else cells.cell(bytes(value))
    return bytes(written)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": 11, "requests_per_company": 1, "history_per_company": 0},
        {"seed": 3, "companies": 3, "requests_per_company": 400, "history_per_company": 300, "skew": 0},
        {"seed": 5, "messages_per_session": "1..1", "characters_per_message": "1..300"},
    ],
)
def test_long_tables_are_copied_byte_for_byte_as_row_by_row(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claimbench.loadgen.workloads.batch_pipeline.seeding.rows.BLOCK", 100)
    dataset = dataset_of(**changes)
    seed = make_seed(dataset, dataset.companies)
    plain = plain_seeding.make_seed(dataset, dataset.companies)
    for table in TABLES:
        expected = PLAIN[table.name].rows(plain)
        if isinstance(table, LongTable):
            assert b"".join(table.blocks(seed)) == plain_block(PLAIN[table.name], expected), table.name
        else:
            assert list(table.rows(seed)) == list(expected), table.name


def test_uniforms_bounded_numbers_and_shuffles_are_those_of_python_in_any_order() -> None:
    ours, plain = Draws("a seed"), random.Random("a seed")  # noqa: S311 (the sequence that is meant)
    turns = np.array([0, 1, 1, 0, 2] * 300, dtype=np.uint8)
    for count in (0, 1, 2, 3, 700, 20_000):
        order = list(range(count))
        plain.shuffle(order)

        assert ours.shuffled(count).tolist() == order
        assert ours.uniforms(count).tolist() == [plain.random() for _ in range(count)]
        assert ours.below((55, 3, 400), turns).tolist() == [
            plain.randrange((55, 3, 400)[turn]) for turn in turns.tolist()
        ]
        assert ours.below((64,), turns[:count] * 0).tolist() == [
            plain.randrange(64) for _ in range(min(count, len(turns)))
        ]
