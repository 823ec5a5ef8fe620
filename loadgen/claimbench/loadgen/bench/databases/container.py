"""A PostgreSQL in a container, through testcontainers; the image is there or comes within a few seconds."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, getnode, uuid5

import docker
import docker.errors
import psutil
import psycopg
from requests.exceptions import RequestException
from sqlalchemy import URL
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from claimbench.errors import InvalidMeasurementError, UsageError
from claimbench.loadgen.bench.databases.connecting import DRIVER, conninfo
from claimbench.loadgen.bench.databases.settings import command_arguments

DEFAULT_IMAGE = "postgres:18"
PORT = 5432
ENGINE_S = 3
PATIENCE_S = 8
"""How long `auto` waits for an image; who asks for a container by name waits `PULL_S`."""
PULL_S = 300
START_S = 60
OWNER_LABEL = "claimbench.owner"


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers, with an image of PostgreSQL that is there."""

    image: str
    digest: str


@dataclass(frozen=True, slots=True)
class NoEngine:
    """Why there can be no container."""

    reason: str


def find_engine(patience_s: float, announce: Callable[[str], None]) -> Engine | NoEngine:
    """Look for an engine and the image; pull it if that takes no longer than `patience_s` seconds.

    A pull is announced before it begins, and how it ended is told with the time that it really took.
    """
    name = os.environ.get("CLAIMBENCH_POSTGRES_IMAGE", DEFAULT_IMAGE)
    try:
        client = docker.from_env(timeout=ENGINE_S)
        client.ping()
    except (docker.errors.DockerException, RequestException, OSError):
        return NoEngine("no container engine answers")
    begun = time.monotonic()
    try:
        if not _is_there(client, name):
            announce(f"database: image {name} is not here; pulling it, for up to {patience_s:g} s")
            _pull(client, name, patience_s)
        return Engine(name, _digest(client, name))
    except (docker.errors.DockerException, RequestException, OSError) as error:
        took_s = time.monotonic() - begun
        return NoEngine(f"image {name} is not here; pulling it ended after {took_s:.1f} s: {_brief(error)}")
    finally:
        client.close()


@contextmanager
def container_server(engine: Engine) -> Iterator[URL]:
    """Start a container; yield the URL of its maintenance database; remove container and data at the end."""
    _sweep()
    password = secrets.token_urlsafe(24)
    container = (
        DockerContainer(engine.image)
        .with_envs(POSTGRES_USER="claimbench", POSTGRES_PASSWORD=password, POSTGRES_DB="postgres")
        .with_exposed_ports(PORT)
        .with_command(["postgres", *command_arguments()])
        .with_kwargs(labels={OWNER_LABEL: _owner_mark()}, shm_size="512m")
    )
    try:
        try:
            container.start()
            host, port = container.get_container_host_ip(), container.get_exposed_port(PORT)
        except (docker.errors.DockerException, RequestException, TimeoutError, OSError) as error:
            raise _not_started(engine, _brief(error)) from error
        url = URL.create(DRIVER, "claimbench", password, _without_ipv6(host), int(port), "postgres")
        _wait_until_ready(container, engine, url)
        yield url
    finally:
        with suppress(docker.errors.DockerException, RequestException):
            container.stop()


def required_engine(announce: Callable[[str], None]) -> Engine:
    """The engine for who asked for a container by name; `UsageError` says what is missing."""
    found = find_engine(PULL_S, announce)
    if isinstance(found, NoEngine):
        raise UsageError(
            found.reason,
            where="--database container",
            remedy="start Docker, name an image in CLAIMBENCH_POSTGRES_IMAGE, or use --database embedded",
        )
    return found


def _is_there(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, name: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    repository, _, tag = name.partition(":") if "@" not in name else (name, "", "")
    for progress in client.api.pull(repository, tag=tag or None, stream=True, decode=True):
        if "error" in progress:
            raise docker.errors.DockerException(progress["error"])
        if time.monotonic() > deadline:
            raise docker.errors.DockerException("still downloading")


def _digest(client: docker.DockerClient, name: str) -> str:
    image = client.images.get(name)
    digests = image.attrs.get("RepoDigests") or [image.id]
    return str(digests[0]).rpartition("@")[2]


def _wait_until_ready(container: DockerContainer, engine: Engine, url: URL) -> None:
    """Wait for an answer over TCP: the official image's first start listens on its socket only."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            psycopg.connect(conninfo(url), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
        container.reload()
        if container.status not in {"created", "running"}:
            break
    output, errors = container.get_logs()
    lines = (output + errors).decode(errors="replace").splitlines()
    raise _not_started(engine, lines[-1] if lines else "it says nothing")


def _not_started(engine: Engine, reason: str) -> InvalidMeasurementError:
    return InvalidMeasurementError(
        f"the container of {engine.image} did not start: {reason}",
        where="--database container",
        remedy="look at the engine's log, or use --database embedded",
    )


def _owner_mark() -> str:
    """This process on this machine, so that a later run can tell that it is gone."""
    process = psutil.Process()
    return f"{_machine()} {process.pid} {int(process.create_time())}"


def _machine() -> str:
    # A digest: container labels are seen by others, the machine's address is not their business.
    return uuid5(UUID(int=0), f"{getnode()} {int(psutil.boot_time())}").hex


def _sweep() -> None:
    """Remove the containers of dead runs of this machine."""
    with suppress(docker.errors.DockerException, RequestException):
        client = DockerClient().client
        for container in client.containers.list(all=True, filters={"label": OWNER_LABEL}):
            if _is_dead(container.labels[OWNER_LABEL]):
                container.remove(force=True, v=True)
        client.close()


def _is_dead(mark: str) -> bool:
    machine, pid, started = mark.split(" ")
    if machine != _machine():
        return False
    try:
        return bool(abs(psutil.Process(int(pid)).create_time() - int(started)) > 5)
    except psutil.NoSuchProcess:
        return True


def _without_ipv6(host: str) -> str:
    # Engines publish on IPv4 always, on IPv6 sometimes; `localhost` may mean either.
    return "127.0.0.1" if host == "localhost" else host


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
