"""The generator's client over TLS: verified, kept alive, and its end told as of any connection."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from claimbench.errors import UsageError

pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed")

if find_spec("locust") is not None:
    from claimbench.loadgen.load.client import Client, ConnectionEndedError
    from claimbench.loadgen.load.exchanges import HttpRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


def get(path: str = "/") -> "HttpRequest":
    return HttpRequest("read", "GET", path, (), None, is_remembered=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate of this machine's names, which nobody else has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "own.pem"))
    subprocess.run(["openssl", *words.split(), *names, *files], check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "own.pem").read_text() + (folder / "key.pem").read_text())
    return folder


def answer_over_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        while received := connection.recv(65_536):
            if b"/die" in received:
                return
            connection.sendall(OK)


@contextmanager
def tls_host(folder: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_over_tls, args=(listener, context))
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        thread.join(5)


def test_https_is_verified_kept_alive_and_its_end_is_a_failure(certificate: Path) -> None:
    with tls_host(certificate) as host:
        client = Client(host, 5, ca=str(certificate / "own.pem"))
        statuses = [client.send(get()).status for _ in range(3)]  # the host takes one connection only
        with pytest.raises(ConnectionEndedError):
            client.send(get("/die"))

    assert statuses == [200, 200, 200]


def test_a_certificate_that_nobody_vouches_for_is_an_error(certificate: Path) -> None:
    with tls_host(certificate) as host, pytest.raises(ssl.SSLCertVerificationError):
        Client(host, 5).send(get())


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("nothing")

    with pytest.raises(UsageError, match=r"own\.pem: cannot be read"):
        Client("https://localhost:1", 5, ca=str(tmp_path / "own.pem"))
