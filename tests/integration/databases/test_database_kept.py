"""Large templates are kept on a server that lives on: found, held, and evicted."""

from datetime import timedelta

import pytest

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, Workshop, kept_templates, open_server
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.loadgen.workloads.port import Recipe
from claimbench.scenarios.model import BatchDataset


def silent(_: str) -> None:
    """Nobody looks at what is announced."""


def kept_names(server: Server) -> set[str]:
    with connect(server.admin_url) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'claimbench_kept_%'")
        return {name for (name,) in rows.fetchall()}


def test_a_large_template_is_seeded_once_for_all_runs_and_evicted_when_nobody_uses_it(
    server: Server, dataset: BatchDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_templates, "KEPT_FROM_BYTES", 1)
    url = server.admin_url.render_as_string(hide_password=False)
    wanted, filled = recipe(dataset, companies=1, indexes=IndexSet.AFTER), []

    def counted(one: Recipe) -> Recipe:
        return Recipe(one.digest, lambda connection: filled.append(one.digest) or one.fill(connection))

    for _ in range(2):
        with open_server(url, announce=silent) as given, Workshop(given) as workshop:
            template = workshop.template(counted(wanted))
            with workshop.clone(template) as clone, connect(clone) as connection:
                sessions = connection.execute("SELECT count(*) FROM session").fetchone()
            monkeypatch.setattr(kept_templates, "KEPT_FOR", timedelta(seconds=-60))
            with connect(server.admin_url) as other:
                while_used = kept_templates.evict(other)
            monkeypatch.undo()
            monkeypatch.setattr(kept_templates, "KEPT_FROM_BYTES", 1)

    assert filled == [wanted.digest]
    assert sessions == (template.facts["sessions"],)
    assert while_used == ()
    assert kept_names(server) == {kept_templates.name_of(wanted.digest)}
    monkeypatch.setattr(kept_templates, "KEPT_BYTES", 0)
    with connect(server.admin_url) as connection:
        assert kept_templates.evict(connection) == (kept_templates.name_of(wanted.digest),)
    assert kept_names(server) == set()
