import os
import signal
import subprocess
import sys

import docker
import pytest

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import ServerKind, Workshop, container, open_server
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.scenarios.model import BatchDataset

FOUND = container.find_engine(0.5, print)
pytestmark = [
    pytest.mark.xdist_group("containers"),  # each counts all that there are of ours
    pytest.mark.docker,
    pytest.mark.skipif(
        isinstance(FOUND, container.NoEngine),
        reason=FOUND.reason if isinstance(FOUND, container.NoEngine) else "",
    ),
]


def ours() -> set[str]:
    client = docker.from_env()
    try:
        found = client.containers.list(all=True, filters={"label": container.OWNER_LABEL})
        return {str(one.id) for one in found}
    finally:
        client.close()


def test_a_container_serves_clones_and_is_removed(dataset: BatchDataset) -> None:
    before, said = ours(), []
    with open_server("container", announce=said.append) as server, Workshop(server) as workshop:
        template = workshop.template(recipe(dataset, companies=1, indexes=IndexSet.AFTER))
        with workshop.clone(template) as url, connect(url) as connection:
            found = connection.execute("SELECT count(*) FROM company").fetchone()
        assert server.kind is ServerKind.CONTAINER
        assert server.facts.pg_stat_statements
        assert (server.facts.fsync, server.facts.autovacuum) == ("on", "off")

    assert found == (template.facts["companies"],)
    assert "container of" in said[0]
    assert "sha256:" in said[0]
    assert ours() == before


CHILD = """
import sys
from claimbench.loadgen.bench.databases import open_server
with open_server("container", announce=lambda _: None) as server:
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_container_is_removed_when_its_owner_is_told_to_end(number: signal.Signals) -> None:
    before = ours()
    child = start()
    child.send_signal(number)
    child.communicate(timeout=60)

    assert ours() == before


def test_a_container_of_a_killed_owner_is_removed_by_the_next_run() -> None:
    before = ours()
    child = start()
    left = ours() - before
    child.kill()
    child.communicate(timeout=60)
    with open_server("container", announce=lambda _: None):
        assert left
        assert not left & ours()


def start() -> subprocess.Popen[str]:
    child = subprocess.Popen(
        (sys.executable, "-c", CHILD),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TESTCONTAINERS_RYUK_DISABLED": "true"},
    )
    assert child.stdout
    assert child.stdout.readline() == "open\n"
    return child
