import docker
import docker.errors
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from claimbench.errors import ExitCode, UsageError
from claimbench.loadgen.bench.databases import ServerKind, container
from claimbench.loadgen.bench.databases.choice import decide, parse_url
from claimbench.loadgen.bench.databases.connecting import connect, conninfo, without_password

ENGINE = container.Engine("postgres:18", "sha256:0123")


@pytest.fixture(autouse=True)
def no_url_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_auto_takes_the_url_of_the_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ann:secret@db.example/shop")
    decided = decide("auto", print)

    assert decided.kind is ServerKind.URL
    assert decided.url == make_url("postgresql+psycopg://ann:secret@db.example/shop")
    assert decided.why == "DATABASE_URL is set"


def test_auto_takes_a_container_when_an_engine_has_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "find_engine", lambda *_: ENGINE)

    assert decide("auto", print).engine == ENGINE


def test_auto_takes_an_embedded_server_and_says_why_no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        container, "find_engine", lambda *_: container.NoEngine("no container engine answers")
    )
    decided = decide("auto", print)

    assert decided.kind is ServerKind.EMBEDDED
    assert decided.why == "no container engine answers"


def test_a_container_that_was_asked_for_by_name_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        container, "find_engine", lambda *_: container.NoEngine("no container engine answers")
    )
    with pytest.raises(UsageError) as raised:
        decide("container", print)

    assert raised.value.exit_code is ExitCode.USAGE
    assert str(raised.value).startswith("--database container: no container engine answers; start Docker")


def test_no_engine_answers_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    assert container.find_engine(0.1, print) == container.NoEngine("no container engine answers")


@pytest.mark.parametrize(
    "text", ["sqlite:///x.db", "mysql://root:secret@h/d", "embeded", "", "postgresql", "//"]
)
def test_what_is_no_postgres_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError, match="neither auto, container, embedded nor a PostgreSQL URL") as raised:
        parse_url(text, where="--database")

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "part", "value"),
    [
        ("postgresql://spacer:two%20words@h/postgres", "password", "two words"),
        ("postgresql://a%20b@h/postgres", "user", "a b"),
        ("postgresql://h/my%20db", "dbname", "my db"),
        ("postgresql://h/d?options=-c%20statement_timeout%3D5000", "options", "-c statement_timeout=5000"),
        ("postgresql://h/d?application_name=a+b", "application_name", "a+b"),
        ("postgresql://u:a%40b%25@h/d", "password", "a@b%"),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(text: str, part: str, value: str) -> None:
    said = conninfo_to_dict(conninfo(parse_url(text, where="--database")))

    assert said[part] == value


def test_a_password_with_a_raw_at_sign_is_refused_with_the_hint_to_encode_it_and_not_repeated() -> None:
    with pytest.raises(
        UsageError, match="encode special characters of user and password: @ as %40"
    ) as raised:
        parse_url("postgresql://u:sec@ret@h/d", where="--database")

    assert "ret" not in str(raised.value).replace("character", "")


def test_an_encoding_of_the_url_gives_way_to_ours() -> None:
    assert parse_url("postgresql://h/d?client_encoding=latin1", where="--database").query == {}


def test_a_url_without_a_database_means_postgres() -> None:
    assert parse_url("postgresql://ann@h", where="--database").database == "postgres"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:secret@127.0.0.1:1/postgres",
        "postgresql://ann@127.0.0.1:1/postgres?password=secret",
        "postgresql://ann@127.0.0.1:1/postgres?sslpassword=secret",
    ],
)
def test_a_password_is_hidden_wherever_the_url_has_it(text: str) -> None:
    assert "secret" not in without_password(parse_url(text, where="--database"))


def test_a_server_that_does_not_answer_is_told_in_one_line() -> None:
    with pytest.raises(UsageError) as raised:
        connect(parse_url("postgresql://ann:secret@127.0.0.1:1/postgres", where="--database"))
    said = str(raised.value)

    assert said.startswith("postgresql+psycopg://ann:***@127.0.0.1:1/postgres: cannot connect: ")
    assert said.endswith("start the server, or correct host and port of the URL")
    assert "\n" not in said


class _RefusingApi:
    def pull(self, *_: object, **__: object) -> list[dict[str, str]]:
        return [{"error": "no such image"}]


class _RefusingClient:
    """A container engine that has no image and finds none to pull."""

    api = _RefusingApi()

    @property
    def images(self) -> "_RefusingClient":
        return self

    def get(self, _: str) -> None:
        raise docker.errors.ImageNotFound("nothing here")

    def ping(self) -> None: ...

    def close(self) -> None: ...


def test_a_failed_pull_is_announced_before_and_told_with_the_time_that_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLAIMBENCH_POSTGRES_IMAGE", "nosuch/image:1")
    monkeypatch.setattr(docker, "from_env", lambda **_: _RefusingClient())
    said: list[str] = []
    found = container.find_engine(300, said.append)

    assert said == ["database: image nosuch/image:1 is not here; pulling it, for up to 300 s"]
    assert found == container.NoEngine(
        "image nosuch/image:1 is not here; pulling it ended after 0.0 s: no such image"
    )


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://h:1,i:2/d",
        "postgresql://ann:secret@h,i/d",
        "postgresql:///d?host=h&host=i",
    ],
)
def test_a_url_of_several_hosts_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(UsageError, match="names several hosts; name the one server") as refused:
        parse_url(text, where="--database")

    assert "secret" not in str(refused.value)
