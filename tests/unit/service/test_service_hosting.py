"""The server around a small application: what a connection may do, and for how long."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from claimbench.impl.service.hosting import listen, make_server
from claimbench.impl.service.limits import Identity, RequestLimits, ServiceLimits
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.telemetry import Telemetry

LIMITS = ServiceLimits(headers_s=0.3, body_s=2, body_bytes_max=1_000_000, linger_s=5)
KEY = {"authorization": "Bearer key"}


async def size(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    length = 0
    while scope["path"] != "/health":
        message = await receive()
        length += len(message["body"])
        if not message["more_body"]:
            break
    body = b"%d" % length
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


async def with_key(scope: Scope) -> Identity:
    if b"authorization" not in dict(scope["headers"]):
        raise Problem(401, "key_required", "no key")
    return Identity.KNOWN


@contextmanager
def serving() -> Iterator[int]:
    ready = threading.Event()
    server = make_server(RequestLimits(size, LIMITS, Telemetry(), with_key), LIMITS, ready.set)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert ready.wait(10)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        yield line


def answer(line: socket.socket) -> bytes:
    """Head and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += line.recv(65_536)
    return head


def test_a_listening_socket_names_its_protocol_so_that_answers_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def chunks() -> Iterator[bytes]:
    for _ in range(12):
        yield b"x" * 1_000_000


@pytest.mark.parametrize("content", ["declared", "chunked"])
@pytest.mark.parametrize("connection", ["fresh", "kept"])
def test_a_body_that_is_too_large_gets_its_413(port: int, connection: str, content: str) -> None:
    statuses = []
    for _ in range(8):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            if connection == "kept":
                client.get("/health")
            body = chunks() if content == "chunked" else b"x" * 12_000_000
            statuses.append(client.post("/v1", content=body, headers=KEY).status_code)

    assert statuses == 8 * [413]


def test_without_a_key_the_answer_comes_before_the_body(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")

        assert answer(line).startswith(b"HTTP/1.1 401 ")


def test_head_is_answered_without_the_body_and_the_next_request_is_found(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while said.count(b"\r\n\r\n") < 2 or not said.endswith(b"0"):
            said += line.recv(1_000)
        first, second, body = said.split(b"\r\n\r\n")

    assert b"content-length: 1" in first
    assert second.startswith(b"HTTP/1.1 200 ")
    assert body == b"0"


def test_half_a_later_request_is_hung_up_on_as_half_a_first_one_is(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer(line)
        line.sendall(b"GET /hea")

        assert hung_up(line)


def test_a_body_that_nobody_reads_may_not_take_for_ever(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        answer(line)

        assert hung_up(line)


def hung_up(line: socket.socket) -> bool:
    try:
        return line.recv(1_000) == b""
    except ConnectionResetError:
        return True


def test_requests_one_after_the_other_keep_their_connection(port: int) -> None:
    with connected(port) as line:
        for _ in range(3):
            line.sendall(
                b"POST /v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\nxy"
            )

            assert answer(line).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 12000000", b"Transfer-Encoding: chunked"])
def test_who_sends_all_of_a_body_that_is_too_large_before_reading_gets_the_413(
    port: int, framing: bytes
) -> None:
    megabyte = b"x" * 1_000_000
    piece = b"f4240\r\n" + megabyte + b"\r\n" if b"chunked" in framing else megabyte
    with connected(port) as line:
        line.sendall(b"POST /v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n" + framing + b"\r\n\r\n")
        for _ in range(12):
            line.sendall(piece)

        assert answer(line).startswith(b"HTTP/1.1 413 ")
