from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.ports import Stage
from claimbench.loadgen.probes.reading import Reading
from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import TraceReader, WireCounts
from claimbench.loadgen.workloads.batch_pipeline.lookups import company_lookups, stage_lookups

RECORDED = Path(__file__).parent / "recorded"


class Tracing:
    """A reader of its own for each test, and what it has counted."""

    def __init__(self) -> None:
        self.counts, self.tally = WireCounts(), StatementTally()
        self.reader = TraceReader(self.counts, self.tally)

    def feed(self, text: str) -> "Tracing":
        self.reader.feed(text.encode().splitlines(keepends=True))
        return self

    def recorded(self, name: str) -> "Tracing":
        with (RECORDED / f"{name}.trace").open("rb") as file:
            self.reader.feed(file)
        return self

    def texts(self) -> dict[str, int]:
        return {count.text: count.count for count in self.tally.counts()}

    def statements(self) -> float:
        return next(reading.value for reading in self.tally.lap() if reading.metric == "statements")


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


def test_a_simple_query_in_a_transaction_is_three_round_trips_and_one_statement(tracing: Tracing) -> None:
    tracing.recorded("simple_query")

    assert tracing.counts.round_trips == 3
    assert tracing.counts.logical_executions == 3
    assert tracing.counts.transaction_executions == 2
    assert tracing.counts.commits == 1
    assert tracing.counts.rows_received == 1
    assert tracing.texts() == {"select 1,\n 'a\nb'": 1}


def test_executemany_is_one_statement_of_many_executions_in_one_round_trip(tracing: Tracing) -> None:
    tracing.recorded("executemany")

    assert tracing.counts.logical_executions == 8
    assert tracing.counts.round_trips == 1
    assert tracing.texts() == {"insert into t values($1,$2)": 1}
    assert tracing.counts.bind_bytes == 8 * 35


def test_a_copy_in_waits_twice_and_sends_its_rows_as_parameters(tracing: Tracing) -> None:
    tracing.recorded("copy_in")

    assert tracing.counts.round_trips == 2
    assert tracing.counts.bind_bytes == 14
    assert tracing.counts.rows_received == 0


def test_a_copy_out_waits_once_and_receives_rows(tracing: Tracing) -> None:
    tracing.recorded("copy_out")

    assert tracing.counts.round_trips == 1
    assert tracing.counts.rows_received == 3
    assert tracing.counts.row_bytes == 24


def test_a_copy_out_that_an_older_libpq_does_not_show_has_the_rows_of_its_end(
    tracing: Tracing,
) -> None:
    tracing.reader.feed(
        [
            b'F\t20\tQuery\t "COPY t TO STDOUT"\n',
            b"B\t9\tCopyOutResponse\t \\x00 1 0\n",
            b"B\t4\tCopyDone\n",
            b'B\t11\tCommandComplete\t "COPY 2"\n',
            b"B\t5\tReadyForQuery\t I\n",
        ]
    )

    assert tracing.counts.rows_received == 2


def test_a_copy_message_without_a_name_is_a_row(tracing: Tracing) -> None:
    tracing.reader.feed([b"F\t9\t\n", b"F\t4\tCopyDone\n", b'B\t11\tCommandComplete\t "COPY 1"\n'])

    assert tracing.counts.bind_bytes == 9


def test_an_execution_that_stops_at_its_limit_of_rows_is_one(tracing: Tracing) -> None:
    tracing.reader.feed([b"B\t4\tPortalSuspended\t \n", b"B\t5\tReadyForQuery\t I\n"])

    assert tracing.counts.logical_executions == 1


def test_a_server_side_cursor_waits_for_every_fetch(tracing: Tracing) -> None:
    tracing.recorded("server_side_cursor")

    assert tracing.counts.round_trips == 7  # declare, describe, four fetches, close
    assert tracing.counts.logical_executions == 6
    assert tracing.counts.rows_received == 12
    assert tracing.texts()['FETCH FORWARD 4 FROM "cur"'] == 4


def test_rows_in_chunks_are_one_execution(tracing: Tracing) -> None:
    tracing.recorded("chunked_rows")

    assert tracing.counts.logical_executions == 1
    assert tracing.counts.round_trips == 1
    assert tracing.counts.rows_received == 12


def test_a_pipeline_waits_where_it_fetches_and_where_it_ends(tracing: Tracing) -> None:
    tracing.recorded("pipeline")

    assert tracing.counts.round_trips == 2
    assert tracing.counts.logical_executions == 3
    assert tracing.texts() == {"select $1::text": 1, "select 1": 1, "select 2": 1}


def test_a_failed_command_is_no_completed_execution_but_a_statement(tracing: Tracing) -> None:
    tracing.recorded("failure")

    assert tracing.counts.failed_executions == 1
    assert tracing.counts.logical_executions == 1  # the ROLLBACK
    assert tracing.texts() == {"insert into t values(1,'x')": 1}
    assert tracing.counts.commits == 0


def test_the_drivers_deallocate_is_a_round_trip_and_nothing_else(tracing: Tracing) -> None:
    tracing.feed('F\t19\tQuery\t "DEALLOCATE ALL"\nB\t19\tCommandComplete\t "DEALLOCATE ALL"\n')

    assert tracing.counts.round_trips == 1
    assert tracing.counts.logical_executions == 0
    assert tracing.statements() == 0


def test_a_query_of_two_statements_is_two_statements_and_executions_in_one_round_trip(
    tracing: Tracing,
) -> None:
    tracing.recorded("two_statements")

    assert tracing.counts.round_trips == 1
    assert tracing.counts.logical_executions == 2
    assert tracing.statements() == 2


def test_a_command_outside_a_transaction_commits_itself(tracing: Tracing) -> None:
    tracing.feed('F\t13\tQuery\t "select 1"\nB\t13\tCommandComplete\t "SELECT 1"\nB\t5\tReadyForQuery\t I\n')

    assert tracing.counts.commits == 1


def test_a_prepared_statement_is_known_in_later_laps(tracing: Tracing) -> None:
    tracing.feed('F\t18\tParse\t "p1" "select 1" 0\nF\t4\tSync\n')
    tracing.tally.lap()
    tracing.feed('F\t16\tBind\t "" "p1" 0 0 1 0\nF\t9\tExecute\t "" 0\nF\t4\tSync\n')

    assert tracing.texts() == {"select 1": 1}


def test_a_statement_prepared_before_the_probe_came_is_counted_as_unknown(tracing: Tracing) -> None:
    tracing.feed('F\t16\tBind\t "" "p9" 0 0 1 0\nF\t9\tExecute\t "" 0\nF\t4\tSync\n')

    assert tracing.tally.unknown == 1
    assert tracing.statements() == 1


def test_a_notice_of_several_lines_is_passed_over(tracing: Tracing) -> None:
    tracing.recorded("notice")

    assert tracing.counts.round_trips == 1
    assert tracing.counts.logical_executions == 1


SQL = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
DISGUISED = st.sampled_from(["x\nF\t4\tSync\n", '" 0\nF\t4\tSync', 'a" "b" 1 21', "\nB\t9\tDataRow\t 0"])


@given(SQL | DISGUISED)
def test_no_query_text_can_pass_for_messages(sql: str) -> None:
    tracing = Tracing()
    tracing.feed(f'F\t{5 + len(sql.encode())}\tQuery\t "{sql}"\nF\t4\tSync\n')

    assert tracing.counts == WireCounts(round_trips=2)
    assert tracing.tally._texts == {sql: 1}


@given(SQL | DISGUISED, st.integers(0, 3))
def test_no_prepared_text_can_pass_for_messages(sql: str, types: int) -> None:
    tracing = Tracing()
    length = 4 + 3 + len(sql.encode()) + 1 + 2 + 4 * types
    numbers = "".join(f" {number}" for number in [types, *[23] * types])
    tracing.feed(f'F\t{length}\tParse\t "p1" "{sql}"{numbers}\n')
    tracing.feed('F\t16\tBind\t "" "p1" 0 0 1 0\nF\t9\tExecute\t "" 0\nF\t4\tSync\n')

    assert tracing.counts == WireCounts(round_trips=1, bind_bytes=16)
    assert tracing.tally._texts == {sql: 1}


def test_lookups_are_named_after_the_tables_that_drive_them(tracing: Tracing) -> None:
    for text in (
        "select * from company",
        "update company set name = ''",
        "select 1 from ai_batch_request where status = 'OPEN'",
    ):
        tracing.tally.add(text)
    tracing.tally.add("select * from ai_processing_request where status = 'PENDING'")
    sent = tracing.tally.counts()

    assert tracing.tally.lap() == (Reading("statements", "count", 4),)
    assert company_lookups(sent) == 1
    assert [stage_lookups(stage, sent) for stage in Stage] == [
        (Reading("pending_lookups", "count", 1),),
        (Reading("status_lookups", "count", 1),),
        (),
        (Reading("failed_lookups", "count", 1),),
    ]
