from plain_seeding import TABLES, make_seed

from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.scenarios.model import BatchDataset


def test_the_database_holds_exactly_the_planned_rows(
    workshop: Workshop, template: Template, dataset: BatchDataset
) -> None:
    planned = make_seed(dataset, companies=5)
    with workshop.clone(template) as url, connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            stored = connection.execute(f"SELECT * FROM {table.name} ORDER BY id").fetchall()

            assert stored == list(table.rows(planned))


def test_every_company_has_work_for_the_retry_stage_or_is_small(
    workshop: Workshop, template: Template
) -> None:
    with workshop.clone(template) as url, connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (WHERE r.status = 'PENDING_BATCHING'), "
            "count(*) FILTER (WHERE r.status = 'PROCESSING_FAILED') FROM ai_processing_request r "
            "JOIN session s ON s.id = r.session_id GROUP BY s.company_id"
        ).fetchall()

    assert found
    assert all(failed >= 1 for pending, failed in found if pending >= 10)
