import psycopg
import pytest
from sqlalchemy import create_engine, inspect

from claimbench.impl.indexes import DOCUMENT_INDEXES, IndexSet
from claimbench.impl.schema import Base
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.loadgen.workloads.batch_pipeline.seeding.seeder import TABLES
from claimbench.scenarios.model import BatchDataset


def databases(server: Server) -> set[str]:
    with connect(server.admin_url) as connection:
        found = connection.execute("SELECT datname FROM pg_database").fetchall()
    names = {name for (name,) in found if name.startswith("claimbench_")}
    return names - {str(server.counters_url.database)}


def test_a_clone_holds_what_its_template_says(workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM company), (SELECT count(*) FROM session), "
            "(SELECT count(*) FROM message), "
            "(SELECT count(*) FROM ai_processing_request r JOIN session s ON s.id = r.session_id "
            "JOIN company c ON c.id = s.company_id WHERE r.status = 'PENDING_BATCHING' "
            "AND c.status = 'ACTIVE'), "
            "(SELECT count(*) FROM ai_processing_request WHERE status = 'PROCESSING_FAILED'), "
            "(SELECT count(*) FROM ai_processing_request WHERE status = 'PROCESSING_COMPLETE')"
        ).fetchone()
    facts = template.facts

    assert counted == (
        facts["companies"],
        facts["sessions"],
        facts["messages"],
        facts["pending"],
        facts["failed"],
        facts["history"],
    )


def test_the_hand_made_schema_is_the_one_that_sqlalchemy_makes(
    workshop: Workshop, server: Server, dataset: BatchDataset
) -> None:
    before = workshop.template(recipe(dataset, companies=2, indexes=IndexSet.BEFORE))
    with workshop.clone(before) as url:
        ours = create_engine(url)
        found = described(ours)
        with ours.begin() as connection:
            Base.metadata.drop_all(connection)
            Base.metadata.create_all(connection)
        theirs = described(ours)
        ours.dispose()

    assert found == theirs


def described(engine: object) -> dict[str, object]:
    inspector = inspect(engine)
    return {
        name: {
            "columns": [{**c, "type": str(c["type"])} for c in inspector.get_columns(name)],
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(inspector.get_foreign_keys(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "checks": sorted(inspector.get_check_constraints(name), key=str),
            "indexes": sorted(inspector.get_indexes(name), key=str),
        }
        for name in inspector.get_table_names()
    }


def test_the_documents_indexes_are_there_after_and_not_before(
    workshop: Workshop, dataset: BatchDataset
) -> None:
    wanted = {index.name for index in DOCUMENT_INDEXES}
    for indexes, expected in ((IndexSet.BEFORE, set()), (IndexSet.AFTER, wanted)):
        made = workshop.template(recipe(dataset, companies=2, indexes=indexes))
        with workshop.clone(made) as url, connect(url) as connection:
            found = {name for (name,) in connection.execute("SELECT indexname FROM pg_indexes").fetchall()}

        assert found & wanted == expected


def test_what_one_clone_writes_the_next_does_not_see(workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        connection.execute("DELETE FROM message")
    with workshop.clone(template) as url, connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM message").fetchone()

    assert found == (template.facts["messages"],)


def test_ids_go_on_after_the_seeded_ones(workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        found = connection.execute(
            "INSERT INTO company (name, status, created_at) VALUES ('new', 'ACTIVE', now()) RETURNING id"
        ).fetchone()

    assert found == (template.facts["companies"] + 1,)


def test_a_template_admits_nobody(server: Server, template: Template) -> None:
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(
            server.admin_url.set(drivername="postgresql", database=template.name).render_as_string(
                hide_password=False
            )
        )


def test_a_template_is_made_once(workshop: Workshop, dataset: BatchDataset, template: Template) -> None:
    assert workshop.template(recipe(dataset, companies=5, indexes=IndexSet.AFTER)) is template


def test_another_dataset_has_another_hash(
    workshop: Workshop, dataset: BatchDataset, template: Template
) -> None:
    other = workshop.template(
        recipe(dataset.model_copy(update={"seed": 8}), companies=5, indexes=IndexSet.AFTER)
    )

    assert other.digest != template.digest
    assert template.digest[:12] in template.name


def test_a_clone_is_dropped_even_while_somebody_is_connected(
    server: Server, workshop: Workshop, template: Template
) -> None:
    with workshop.clone(template) as url:
        left_open = connect(url)

    assert databases(server) == {template.name}
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")


def test_clones_of_a_disposable_server_go_together_once_they_are_many(
    server: Server, dataset: BatchDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = databases(server)
    workshop = Workshop(server, disposable=True)
    template = workshop.template(recipe(dataset, companies=1, indexes=IndexSet.BEFORE))
    room_for_one = template.bytes * 3 // 2
    monkeypatch.setattr("claimbench.loadgen.bench.databases.workshop.SPENT_BYTES", room_for_one)
    left = []
    for _ in range(2):
        with workshop.clone(template):
            pass
        left.append(len(databases(server) - before - {template.name}))
    workshop.drop_everything()

    assert left == [1, 0]
    assert databases(server) == before


def test_nothing_is_left_when_the_workshop_closes(server: Server, dataset: BatchDataset) -> None:
    before = databases(server)
    with Workshop(server) as workshop:
        workshop.template(recipe(dataset, companies=1, indexes=IndexSet.BEFORE))

    assert databases(server) == before


def test_a_template_that_fails_half_way_leaves_nothing(
    server: Server, workshop: Workshop, dataset: BatchDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = databases(server)
    module = "claimbench.loadgen.workloads.batch_pipeline.recipe"
    monkeypatch.setattr(f"{module}.constraint_statements", lambda: ("ALTER TABLE nowhere ADD CHECK (true)",))
    with pytest.raises(Exception, match="nowhere"):
        workshop.template(recipe(dataset, companies=1, indexes=IndexSet.BEFORE))

    assert databases(server) == before


def test_statistics_are_there_and_vacuum_does_not_come_by_itself(
    workshop: Workshop, template: Template
) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        found = connection.execute(
            "SELECT bool_and(reltuples > 0), bool_and('autovacuum_enabled=false' = ANY(reloptions)) "
            "FROM pg_class WHERE relname = ANY(%s)",
            [[table.name for table in TABLES]],
        ).fetchone()

    assert found == (True, True)


def test_every_frozen_row_is_visible_to_all(workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        found = connection.execute(
            "SELECT relpages = relallvisible FROM pg_class WHERE relname = 'message'"
        ).fetchone()

    assert found == (True,)


def test_a_checkpoint_leaves_no_log_to_replay(server: Server, workshop: Workshop, template: Template) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        connection.execute("UPDATE message SET content = 'x'")
        workshop.checkpoint()
        found = connection.execute(
            "SELECT pg_current_wal_lsn() - redo_lsn < 10000 FROM pg_control_checkpoint()"
        ).fetchone()

    assert found == (True,)
