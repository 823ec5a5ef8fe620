import socket
import statistics
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.bench.relay.calibration import is_close
from claimbench.loadgen.bench.relay.forward import Delay, connector, serve


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back whatever it gets; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        while data := client.recv(65_536):
            client.sendall(data)
        client.close()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def through(port: int, delay: Delay) -> socket.socket:
    relay = serve(connector("127.0.0.1", str(port)), delay)
    return socket.create_connection(relay.getsockname())


def received(client: socket.socket, size: int) -> bytes:
    parts = []
    while size > 0 and (part := client.recv(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def test_bytes_arrive_as_they_were_sent(echo: int) -> None:
    sent = bytes(range(256)) * 4096
    with through(echo, Delay(0.0)) as client:
        threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()

        assert received(client, len(sent)) == sent


def test_a_reply_never_comes_before_its_time(echo: int) -> None:
    with through(echo, Delay(0.005)) as client:
        for _ in range(5):
            start = time.perf_counter()
            client.sendall(b"x")
            client.recv(1)

            assert time.perf_counter() - start >= 0.005


def test_what_is_sent_together_waits_together(echo: int) -> None:
    """Twenty messages under way at once: one delay, not twenty."""
    times = []
    with through(echo, Delay(0.05)) as client:
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(20):
                client.sendall(b"x")
            received(client, 20)
            times.append(time.perf_counter() - start)

    assert statistics.median(times) < 20 * 0.05 / 4


def test_the_delay_can_be_changed_while_connections_are_open(echo: int) -> None:
    delay = Delay(0.0)
    with through(echo, delay) as client:
        client.sendall(b"x")
        client.recv(1)
        delay.seconds = 0.02
        start = time.perf_counter()
        client.sendall(b"x")
        client.recv(1)

    assert time.perf_counter() - start >= 0.02


def test_fifty_connections_do_not_mix(echo: int) -> None:
    relay = serve(connector("127.0.0.1", str(echo)), Delay(0.001))
    clients = [socket.create_connection(relay.getsockname()) for _ in range(50)]
    for number, client in enumerate(clients):
        client.sendall(b"%04d" % number)
    answers = [received(client, 4) for client in clients]
    for client in clients:
        client.close()

    assert answers == [b"%04d" % number for number in range(50)]


def test_the_end_of_the_servers_words_is_passed_on(echo: int) -> None:
    with through(echo, Delay(0.001)) as client:
        client.sendall(b"bye")
        client.shutdown(socket.SHUT_WR)

        assert received(client, 100) == b"bye"


def test_a_server_that_refuses_closes_the_clients_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with through(port, Delay(0.0)) as client:
        assert client.recv(1) == b""


@given(asked=st.floats(0.5, 100), share=st.floats(-0.19, 0.19))
def test_up_to_20_percent_off_is_close_enough(asked: float, share: float) -> None:
    assert is_close(asked, asked * (1 + share))


@given(asked=st.floats(0.6, 100), share=st.floats(0.21, 3))
def test_more_than_20_percent_off_is_refused(asked: float, share: float) -> None:
    assert not is_close(asked, asked * (1 + share))


def test_a_tenth_of_a_millisecond_is_always_allowed() -> None:
    assert is_close(0.1, 0.19)
    assert not is_close(0.1, 0.21)
