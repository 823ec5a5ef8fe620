import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, bindparam, create_engine, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession

from claimbench.impl.ports import Stage
from claimbench.impl.schema import Company, Message, ProcessingRequest, Session
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.bench.databases.connecting import conninfo
from claimbench.loadgen.probes.server import ServerProbe
from claimbench.loadgen.probes.wire import Source, WireProbe
from claimbench.loadgen.workloads.batch_pipeline.lookups import company_lookups, stage_lookups


class Instruments:
    """Both counters over one engine."""

    def __init__(self, engine: Engine, wire: WireProbe, server: ServerProbe) -> None:
        self.engine, self.wire, self.server = engine, wire, server

    def lap(self) -> dict[str, float]:
        return {reading.metric: reading.value for reading in (*self.wire.lap(), *self.server.lap())}


@pytest.fixture
def instruments(server: Server, workshop: Workshop, template: Template) -> Iterator[Instruments]:
    with workshop.clone(template) as url:
        engine = create_engine(url)
        with engine.connect():
            pass
        with WireProbe(engine) as wire, ServerProbe(server, url) as counted:
            yield Instruments(engine, wire, counted)
        engine.dispose()


def orm(engine: Engine) -> None:
    with OrmSession(engine) as session:
        for company in session.scalars(select(Company)):
            for conversation in company.sessions:
                conversation.summary = str(len(conversation.messages))
        session.commit()


def core(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(12):  # the driver prepares the statement on the way
            connection.execute(select(Message.id).where(Message.session_id == number)).all()


def executemany(engine: Engine) -> None:
    statement = update(ProcessingRequest).where(ProcessingRequest.id == bindparam("number")).values(error="x")
    with engine.begin() as connection:
        connection.execute(statement, [{"number": number} for number in range(1, 60)])


def inserts_that_return_keys(engine: Engine) -> None:
    with OrmSession(engine) as session:
        created_at = session.scalar(select(Company.created_at).limit(1))
        session.add_all([Company(name=f"n{i}", status="ACTIVE", created_at=created_at) for i in range(5)])
        session.commit()


def copy_in_and_out(engine: Engine) -> None:
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("CREATE TEMP TABLE staged (id int) ON COMMIT DROP")
        with cursor.copy("COPY staged FROM STDIN") as copy:
            for number in range(100):
                copy.write_row((number,))
        with cursor.copy("COPY (SELECT content FROM message) TO STDOUT") as copy:
            for _ in copy:
                pass


def server_side_cursor(engine: Engine) -> None:
    with engine.connect() as connection:
        streaming = connection.execution_options(yield_per=50)
        for _ in streaming.execute(select(Message.id, Message.content)):
            pass


def chunked_rows(engine: Engine) -> None:
    with engine.connect() as connection:
        list(connection.connection.cursor().stream("SELECT id FROM message", size=20))


def pipeline(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        with driver.pipeline():
            for number in range(5):
                driver.execute("SELECT id FROM company WHERE id = %s", [number])


def savepoints(engine: Engine) -> None:
    with engine.begin() as connection:
        for _ in range(3):
            with connection.begin_nested():
                connection.execute(text("SELECT 1"))


def several_statements_in_a_text(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("SELECT 1; SELECT 2; SELECT 3")


def a_failure_and_what_follows(engine: Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO company VALUES (1, 'x', 'ACTIVE', now())"))
        connection.rollback()
        connection.execute(text("SELECT 1"))


def four_threads(engine: Engine) -> None:
    threads = [threading.Thread(target=core, args=(engine,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def autocommit(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT 1"))


WORKLOADS = [
    orm,
    core,
    executemany,
    inserts_that_return_keys,
    copy_in_and_out,
    server_side_cursor,
    chunked_rows,
    pipeline,
    savepoints,
    several_statements_in_a_text,
    a_failure_and_what_follows,
    four_threads,
    autocommit,
]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
def test_client_and_server_count_the_same_executions(instruments: Instruments, workload: object) -> None:
    workload(instruments.engine)
    lap = instruments.lap()

    assert lap["logical_executions"] == lap["server_executions"] > 0


def test_nothing_done_is_nothing_counted(instruments: Instruments) -> None:
    assert set(instruments.lap().values()) == {0}


def test_the_harness_own_connections_are_not_counted(
    instruments: Instruments, workshop: Workshop, server: Server
) -> None:
    workshop.checkpoint()
    with psycopg.connect(conninfo(server.admin_url)) as connection:
        connection.execute("SELECT 1")

    assert instruments.lap()["server_executions"] == 0


def test_a_connection_that_goes_round_the_engine_shows_as_a_difference(instruments: Instruments) -> None:
    with psycopg.connect(conninfo(instruments.engine.url), autocommit=True) as connection:
        connection.execute("SELECT 1")
    lap = instruments.lap()

    assert lap["server_executions"] == lap["logical_executions"] + 1


def test_a_connection_that_closes_between_laps_is_counted(instruments: Instruments) -> None:
    with instruments.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    instruments.engine.dispose()

    assert instruments.lap()["statements"] == 1


def test_n_plus_1_shows_in_round_trips_statements_and_lookups(instruments: Instruments) -> None:
    with instruments.engine.begin() as connection:
        for number in range(5):
            pending = select(ProcessingRequest.id).where(ProcessingRequest.status == "PENDING_BATCHING")
            connection.execute(pending.join(Session).where(Session.company_id == number))
        connection.execute(select(Company.id))
    sent = instruments.wire.statements()
    lap = instruments.lap()

    assert lap["statements"] == 6
    assert lap["round_trips"] == 8
    (pending,) = stage_lookups(Stage.CREATE_BATCHES, sent)
    assert (pending.value, company_lookups(sent)) == (5, 1)
    assert (lap["transaction_executions"], lap["commits"]) == (2, 1)


def test_statements_of_the_driver_itself_are_seen(instruments: Instruments) -> None:
    with instruments.engine.connect() as connection:
        connection.connection.cursor().execute("SELECT id FROM company")
    (seen,) = instruments.wire.statements()

    assert (seen.text, seen.shape.table, seen.count) == ("SELECT id FROM company", "company", 1)


def test_wider_rows_are_more_row_bytes(instruments: Instruments) -> None:
    with instruments.engine.connect() as connection:
        connection.execute(select(Message.id)).all()
        narrow = instruments.lap()
        connection.execute(select(Message.id, Message.content)).all()
        wide = instruments.lap()

    assert wide["rows_received"] == narrow["rows_received"] == narrow["rows"]
    assert wide["row_bytes"] > 2 * narrow["row_bytes"]


def test_writes_show_in_rows_buffers_and_log(instruments: Instruments, template: Template) -> None:
    with instruments.engine.begin() as connection:
        connection.execute(update(Message).values(content="x"))
    lap = instruments.lap()

    assert lap["rows"] == template.facts["messages"]
    assert lap["wal_bytes"] > 50 * template.facts["messages"]
    assert lap["buffers"] > 0


def test_events_stand_in_for_the_trace_and_say_what_they_miss(workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url:
        engine = create_engine(url)
        with WireProbe(engine, Source.EVENTS) as probe:
            executemany(engine)
            lap = {reading.metric: reading.value for reading in probe.lap()}
        engine.dispose()

    assert (lap["statements"], lap["logical_executions"], lap["commits"]) == (1, 61, 1)
    assert "row_bytes" not in lap
    assert "rows and bytes are not counted" in probe.notes[0]


def test_without_the_extension_the_server_probe_is_silent(
    server: Server, workshop: Workshop, template: Template
) -> None:
    from dataclasses import replace

    silent = replace(server, facts=replace(server.facts, pg_stat_statements=False))
    with workshop.clone(template) as url, ServerProbe(silent, url) as probe:
        assert probe.lap() == ()


def test_the_first_statement_after_a_lap_keeps_its_own_text(instruments: Instruments) -> None:
    texts = []
    with instruments.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("company", "session", "message"):
            connection.execute(text(f"SELECT id FROM {table} WHERE id < :most"), {"most": 5}).all()
            texts += [statement.shape.table for statement in instruments.wire.statements()]
            instruments.lap()

    assert texts == ["company", "session", "message"]
