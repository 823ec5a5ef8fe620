"""What lies in the file comes back whole, whichever thread put it there, as often as it is asked for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.optimized.settling import StagedRows
from claimbench.impl.optimized.spool import Spool


@given(st.lists(st.lists(st.binary(max_size=9_000), max_size=12), max_size=6))
def test_the_rows_of_each_batch_come_back_in_their_order_as_often_as_they_are_sent(
    batches: list[list[bytes]],
) -> None:
    with closing(Spool()) as spool, ThreadPoolExecutor(4) as pool:

        def kept(rows: list[bytes]) -> StagedRows:
            batch = StagedRows(spool)
            for row in rows:
                batch.keep(0, row)
            batch.flush()
            return batch

        read = list(pool.map(kept, batches))

        for _ in range(2):
            assert [b"".join(each.pieces()) for each in read] == [b"".join(rows) for rows in batches]


def test_a_file_that_was_cleared_begins_again_and_no_piece_is_much_longer_than_is_sent_at_once() -> None:
    with closing(Spool()) as spool:
        spool.add(b"a" * 100_000)
        spool.clear()
        batch = StagedRows(spool)
        for _ in range(1_000):
            batch.keep(0, b"row" * 40)
        batch.flush()

        pieces = list(batch.pieces())
        assert b"".join(pieces) == b"row" * 40_000
        assert max(map(len, pieces)) <= 2**14 + 120
        assert spool.add(b"").start == 120_000
