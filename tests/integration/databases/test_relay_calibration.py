import pytest
from sqlalchemy import create_engine, make_url, text

from claimbench.loadgen.bench.databases import Server
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.bench.relay import calibration, relayed

pytestmark = pytest.mark.alone


def test_no_added_time_is_the_direct_way(server: Server) -> None:
    with relayed(server.admin_url, 0) as way:
        assert way.url == server.admin_url
        assert (way.asked_ms, way.achieved_ms) == (0, 0)


@pytest.mark.parametrize("rtt_ms", [1.0, 5.0])
def test_the_achieved_time_is_the_one_that_was_asked_for(server: Server, rtt_ms: float) -> None:
    with relayed(server.admin_url, rtt_ms) as way:
        assert way.asked_ms == rtt_ms
        assert way.achieved_ms == pytest.approx(rtt_ms, rel=0.2, abs=0.1)


def test_the_relayed_url_leads_to_the_same_server(server: Server) -> None:
    with relayed(server.admin_url, 1.0) as way:
        engine = create_engine(way.url.set(database=server.counters_url.database))
        with engine.connect() as connection:
            found = connection.execute(text("SELECT current_database(), repeat('x', 300000)")).one()
        engine.dispose()

    assert way.url.port != server.admin_url.port
    assert found == (server.counters_url.database, "x" * 300_000)


def test_a_time_that_cannot_be_reached_leaves_a_way_in_doubt(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "PAUSES_S", ())
    monkeypatch.setattr(calibration, "_added", lambda *_: calibration.Added(7.0, 0.5))
    with relayed(server.admin_url, 2.0) as way, connect(way.url) as connection:
        answer = connection.execute("select 1").fetchone()

    assert answer == (1,)
    assert way.doubt == (
        "a round trip of 2 ms was asked for and 7.00 ms achieved, with a noise of 0.50 ms: "
        "close other programs, or ask for a longer one in network.rtt_ms"
    )


def test_a_remote_hosts_name_stays_for_its_certificate() -> None:
    through = calibration._through(make_url("postgresql+psycopg://a@db.example:5432/d?sslmode=require"), 6543)

    assert (through.host, through.port) == ("db.example", 6543)
    assert through.query == {"sslmode": "require", "hostaddr": "127.0.0.1"}


def test_a_unix_socket_is_reached_over_loopback() -> None:
    through = calibration._through(make_url("postgresql+psycopg:///d?host=/var/run/postgresql"), 6543)

    assert (through.host, through.port, through.query) == ("127.0.0.1", 6543, {})
