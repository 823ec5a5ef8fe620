import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.databases import Server, data_folder, open_server
from claimbench.loadgen.bench.databases.data_folder import PREFIX
from claimbench.loadgen.bench.databases.embedded import embedded_server
from claimbench.loadgen.bench.databases.settings import Setting

pytestmark = pytest.mark.whole

CHILD = """
import sys
from claimbench.loadgen.bench.databases import open_server
from claimbench.loadgen.bench.relay import calibration, relayed
calibration.ROUND_TRIPS = 20
with open_server("embedded", announce=lambda _: None) as server:
    with relayed(server.admin_url, 5.0) as way:
        print(server.admin_url.port, way.url.port, flush=True)
        sys.stdin.read()
"""


@dataclass(frozen=True)
class Running:
    """A child that holds a server and a relay, and their processes."""

    child: subprocess.Popen[str]
    helpers: list[psutil.Process]
    guardian: psutil.Process
    folder: Path

    def are_gone(self) -> bool:
        return not any(process.is_running() and process.status() != "zombie" for process in self.helpers)


@pytest.fixture
def folders() -> Iterator[Path]:
    """A folder for temporary files that a server of another account can reach, and no other run uses."""
    path = Path(tempfile.mkdtemp(prefix="claimbench-ending-", dir=data_folder.memory_root() or "/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def running(folders: Path) -> Iterator[Running]:
    child = subprocess.Popen(
        (sys.executable, "-c", CHILD),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folders)},
    )
    assert child.stdout
    assert child.stdout.readline().split()
    helpers = psutil.Process(child.pid).children(recursive=True)
    direct = {" ".join(one.cmdline()): one for one in psutil.Process(child.pid).children()}
    (guardian,) = (process for command, process in direct.items() if "guardian.py" in command)
    assert any("forward.py" in command for command in direct)
    assert any(process.name() == "postgres" for process in guardian.children())
    (folder,) = folders.glob(f"{PREFIX}*")
    yield Running(child, helpers, guardian, folder)
    for process in (*([psutil.Process(child.pid)] if child.poll() is None else []), *helpers):
        with suppress(psutil.Error):
            process.kill()
    child.communicate()


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_server_relay_and_data_are_gone_when_their_owner_is_killed(
    running: Running, number: signal.Signals, code: int
) -> None:
    running.child.send_signal(number)

    assert running.child.wait(20) == code
    assert eventually(running.are_gone)
    assert eventually(lambda: not running.folder.exists())


@pytest.mark.parametrize("sign", ["base", "pg_wal/0*", "base/1/1*", "base/4"])
def test_an_end_while_the_cluster_is_made_leaves_nothing(folders: Path, sign: str) -> None:
    environment = {**os.environ, "TMPDIR": str(folders)}
    command = (sys.executable, "-c", CHILD)
    with subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.PIPE) as child:
        assert eventually(lambda: bool([*folders.glob(f"{PREFIX}*/data/{sign}")]))
        child.send_signal(signal.SIGTERM)

        assert child.wait(20) == 143
    time.sleep(0.2)  # for whoever would go on writing
    assert [*folders.glob(f"{PREFIX}*")] == []


def processes_of(folder: Path) -> list[str]:
    """Whoever has the folder in its command line."""
    listed = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(words) for words in listed if str(folder) in " ".join(words)]


@pytest.mark.parametrize("sign", ["base", "base/1/1*"])
def test_a_kill_while_the_cluster_is_made_leaves_no_initdb_and_no_folder(folders: Path, sign: str) -> None:
    environment = {**os.environ, "TMPDIR": str(folders)}
    command = (sys.executable, "-c", CHILD)
    with subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.PIPE) as child:
        assert eventually(lambda: bool([*folders.glob(f"{PREFIX}*/data/{sign}")]))
        assert any("initdb" in words for words in processes_of(folders))
        child.kill()

    assert eventually(lambda: processes_of(folders) == [], 5)
    assert eventually(lambda: [*folders.glob(f"{PREFIX}*")] == [], 5)


def test_an_interrupt_of_the_whole_terminal_leaves_nothing(running: Running) -> None:
    os.killpg(running.child.pid, signal.SIGINT)
    running.child.wait(20)

    assert eventually(running.are_gone)
    assert not running.folder.exists()


def test_a_normal_end_leaves_nothing(running: Running) -> None:
    running.child.communicate(timeout=20)

    assert running.child.returncode == 0
    assert running.are_gone()
    assert not running.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_when_owner_and_guardian_are_both_killed_the_server_ends_and_the_next_run_sweeps(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.guardian.kill()
    running.child.kill()
    running.child.wait(20)

    assert eventually(running.are_gone)
    assert running.folder.exists()
    monkeypatch.setattr(data_folder, "data_root", lambda: running.folder.parent)
    with open_server("embedded", announce=lambda _: None):
        assert not running.folder.exists()


def test_a_server_that_dies_at_its_start_is_told_in_one_line() -> None:
    with pytest.raises(InvalidMeasurementError) as raised, embedded_server(Setting("work_mem", "nonsense")):
        pass
    said = str(raised.value)

    assert said.startswith("--database embedded: the embedded PostgreSQL did not start: ")
    assert "work_mem" in said
    assert "\n" not in said


def test_our_own_server_is_durable_and_counts_statements(server: Server) -> None:
    facts = server.facts

    assert (facts.fsync, facts.synchronous_commit, facts.full_page_writes) == ("on", "on", "on")
    assert facts.pg_stat_statements
    assert facts.track_io_timing == "on"


def test_our_own_server_listens_on_loopback_and_wants_a_password(server: Server) -> None:
    url = server.admin_url
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres", password="")

    assert url.host == "127.0.0.1"
