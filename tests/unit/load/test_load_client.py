"""The generator's client against a server that sends what it is told to, byte by byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed")

if find_spec("locust") is not None:
    from claimbench.loadgen.load.client import BrokenAnswerError, Client, ConnectionEndedError, read_answer
    from claimbench.loadgen.load.exchanges import Header, HttpRequest
    from claimbench.loadgen.load.packets import REPLAYED, RESENT
    from claimbench.loadgen.load.plan import Resend

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


def get(path: str = "/") -> "HttpRequest":
    return HttpRequest("read", "GET", path, (Header("X-Word", "one"),), None, is_remembered=False)


class Script:
    """Answers the requests of each connection in turn, then closes it; keeps what it was sent."""

    def __init__(self, *connections: tuple[bytes, ...]) -> None:
        self.received: list[bytes] = []
        self.opened = 0
        self.closed = threading.Semaphore(0)
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._connections:
            with self._listener.accept()[0] as connection:
                self.opened += 1
                for answer in answers:
                    self.received.append(connection.recv(65_536))
                    connection.sendall(answer)
            self.closed.release()

    def end(self) -> None:
        self._thread.join(5)
        self._listener.close()


@contextmanager
def scripted(*connections: tuple[bytes, ...]) -> Iterator[Script]:
    script = Script(*connections)
    try:
        yield script
    finally:
        script.end()


def test_an_answer_is_its_status_and_its_whole_body() -> None:
    with scripted((OK,)) as script:
        answer = Client(script.host, 5).send(get("/a?b=1"))

    assert (answer.status, answer.content) == (200, b"yes")
    assert script.received[0].startswith(b"GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Word: one\r\n" in script.received[0]


def test_a_body_is_sent_with_its_length_in_bytes() -> None:
    post = HttpRequest("submit", "POST", "/", (), "für", is_remembered=True)
    with scripted((OK,)) as script:
        Client(script.host, 5).send(post)

    assert script.received[0].endswith(b"\r\nContent-Length: 4\r\n\r\n" + "für".encode())


def test_a_chunked_body_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nye\r\n1\r\ns\r\n0\r\n\r\n"
    with scripted((chunked,)) as script:
        answer = Client(script.host, 5).send(get())

    assert answer.content == b"yes"


def test_a_connection_is_used_again() -> None:
    with scripted((OK, OK)) as script:
        client = Client(script.host, 5)
        statuses = [client.send(get()).status for _ in range(2)]

    assert statuses == [200, 200]
    assert script.opened == 1


def test_a_kept_connection_that_the_service_closed_is_replaced() -> None:
    with scripted((OK,), (OK,)) as script:
        client = Client(script.host, 5)
        first = client.send(get()).status
        assert script.closed.acquire(timeout=5)
        statuses = [first, client.send(get()).status]

    assert statuses == [200, 200]
    assert script.opened == 2


def sent_twice(script: "Script", resend: "Resend", method: str, notes: list[str]) -> int:
    client = Client(script.host, 5, resend)
    request = HttpRequest("op", method, "/", (), None, is_remembered=False)
    client.send(request)
    return client.send(request, notes).status


@pytest.mark.parametrize(("resend", "method"), [("never", "GET"), ("never", "POST"), ("idempotent", "POST")])
def test_a_request_whose_connection_ended_is_a_failure_and_not_sent_again(resend: str, method: str) -> None:
    with scripted((OK, b"")) as script, pytest.raises(ConnectionEndedError):
        sent_twice(script, Resend(resend), method, [])

    assert len(script.received) == 2


def test_a_get_is_sent_again_where_the_plan_says_so_and_that_is_noted() -> None:
    notes: list[str] = []
    with scripted((OK, b""), (OK,)) as script:
        status = sent_twice(script, Resend.IDEMPOTENT, "GET", notes)

    assert (status, notes, len(script.received)) == (200, [RESENT], 3)


def test_a_replayed_answer_is_noted() -> None:
    replayed = b"HTTP/1.1 201 Made\r\nIdempotency-Replayed: true\r\nContent-Length: 0\r\n\r\n"
    with scripted((replayed,)) as script:
        answer = Client(script.host, 5).send(get())

    assert answer.notes == (REPLAYED,)


def test_a_connection_that_the_service_wants_closed_is_not_used_again() -> None:
    closing = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with scripted((closing,), (OK,)) as script:
        client = Client(script.host, 5)
        statuses = [client.send(get()).status for _ in range(2)]

    assert statuses == [503, 200]


class Pieces:
    """A connection that gives what it received in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [*pieces, b""]

    def sendall(self, content: bytes) -> None:
        pass

    def recv(self, size: int) -> bytes:
        return self._pieces.pop(0)


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (HINTS + OK,),
        (HINTS, OK),
        (HINTS + OK[:20], OK[20:]),
        (HINTS[:5], HINTS[5:30], HINTS[30:] + HINTS + OK[:3], OK[3:]),
    ],
)
def test_an_interim_answer_is_passed_over_however_it_is_cut(pieces: tuple[bytes, ...]) -> None:
    answer = read_answer(Pieces(*pieces), "GET", b"")

    assert (answer.status_code, b"".join(answer.chunks)) == (200, b"yes")


def test_an_interim_answer_alone_is_no_answer() -> None:
    with pytest.raises(BrokenAnswerError, match="in the middle"):
        read_answer(Pieces(HINTS), "GET", b"")


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with (
        scripted((b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nyes",)) as script,
        pytest.raises(BrokenAnswerError, match="in the middle"),
    ):
        Client(script.host, 5).send(get())


def test_a_service_that_hangs_up_at_once_is_an_error_and_not_asked_for_ever() -> None:
    with (
        scripted((b"",)) as script,
        pytest.raises(BrokenAnswerError, match="without an answer"),
    ):
        Client(script.host, 5).send(get())


def test_silence_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        Client(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.1).send(get())
