"""The generator's HTTP client: cheap, so that what is timed is the service and not its own work.

Locust's own client needs 130 µs of processor time for a request, geventhttpclient's 70, this one 40. After a
service stood still, hundreds of answers come at once and are taken up one by one: each then waits for the
work of those before it.
"""

import re
import select
import time
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

import gevent.socket
import gevent.ssl
from gevent.monkey import get_original
from geventhttpclient.response import HTTPParseError, HTTPResponse

from claimbench.errors import UsageError
from claimbench.loadgen.load.exchanges import HttpRequest
from claimbench.loadgen.load.packets import REPLAYED, RESENT
from claimbench.loadgen.load.plan import Resend

IDLE_MAX_S = 4.0
"""A connection that was idle for longer may be closed by the other side while it is used again."""

ENDED = "the connection was closed without an answer"
_RECEIVED_BYTES = 65_536
_STATUS_BYTES = len("HTTP/1.1 200")
_BEGUN_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d")
_INTERIM = re.compile(rb"\A(?:HTTP/1\.[01] 1(?!01)\d\d.*?\r\n\r\n)+", re.DOTALL)
"""RFC 9110, section 15.2: any number of heads without bodies may come before the answer's own."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer, and when its last byte was seen, by the process's clock."""

    status: int
    content: bytes
    ended_s: float
    notes: tuple[str, ...] = ()


class BrokenAnswerError(OSError):
    """What came is no answer, or not a whole one."""


class ConnectionEndedError(BrokenAnswerError):
    """The connection ended before anything of an answer came; the service may have done the work or not."""


IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods whose repetition changes nothing more (RFC 9110, section 9.2.2)."""

_poll = get_original("select", "poll")
"""As it was before gevent: asked without waiting."""


class _Body(HTTPResponse):
    """Collects the body while the parser in C finds where it ends."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.chunks: list[bytes] = []

    def _on_body(self, buf: bytearray) -> None:
        self.chunks.append(bytes(buf))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A connection that can be used again, and since when it is idle."""

    socket: gevent.socket.socket
    since_s: float


class Client:
    """Sends requests to one host over as many connections as are needed at once, and keeps them."""

    def __init__(self, host: str, timeout_s: float, resend: Resend = Resend.NEVER, ca: str = "") -> None:
        self._resend = resend
        parts = urlsplit(host)
        self._tls = trusting(ca) if parts.scheme == "https" else None
        self._address = (parts.hostname or "", parts.port or (443 if self._tls else 80))
        self._base, self._timeout_s = parts.path, timeout_s
        self._host = f"Host: {parts.netloc}\r\n"
        self._kept: deque[_Kept] = deque()

    def send(self, request: HttpRequest, notes: list[str] | None = None) -> HttpResponse:
        """The whole answer. OSError when there is none; each wait for the service ends after the timeout.

        A request whose connection ends is not sent again, for the service may have died of it; where the plan
        and the method allow it, it is, once, and `RESENT` is added to the notes.
        """
        content = self._encoded(request)
        try:
            return self._exchanged(self._connection(), request.method, content)
        except ConnectionEndedError:
            if self._resend is Resend.NEVER or request.method not in IDEMPOTENT:
                raise
        if notes is not None:
            notes.append(RESENT)
        return self._exchanged(self._connection(), request.method, content)

    def _connection(self) -> gevent.socket.socket:
        """The kept one that was used last and is still open, or a new one; those idle for long are closed."""
        limit_s = time.perf_counter() - IDLE_MAX_S
        while self._kept and self._kept[0].since_s < limit_s:
            self._kept.popleft().socket.close()
        while self._kept:
            kept = self._kept.pop().socket
            if _is_open(kept):
                return kept
            kept.close()
        opened = gevent.socket.create_connection(self._address, self._timeout_s)
        opened.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        return self._tls.wrap_socket(opened, server_hostname=self._address[0]) if self._tls else opened

    def _encoded(self, request: HttpRequest) -> bytes:
        body = b"" if request.body is None else request.body.encode()
        length = f"Content-Length: {len(body)}\r\n" if body or request.method != "GET" else ""
        fields = "".join(f"{header.name}: {header.value}\r\n" for header in request.headers)
        if not any(header.name.lower() == "user-agent" for header in request.headers):
            fields += "User-Agent: claimbench\r\n"
        head = f"{request.method} {self._base}{request.path} HTTP/1.1\r\n{self._host}{fields}{length}\r\n"
        return head.encode("latin-1") + body

    def _exchanged(self, connection: gevent.socket.socket, method: str, content: bytes) -> HttpResponse:
        try:
            answer = read_answer(connection, method, content)
        except BaseException:
            connection.close()
            raise
        ended_s = time.perf_counter()
        if answer.should_close():
            connection.close()
        else:
            self._kept.append(_Kept(connection, ended_s))
        notes = (REPLAYED,) if answer.get("idempotency-replayed") == "true" else ()
        return HttpResponse(answer.status_code, b"".join(answer.chunks), ended_s, notes)


def trusting(ca: str) -> gevent.ssl.SSLContext:
    """Verifies certificates and names, by the authorities of this system or by those in a PEM file.

    Raises `UsageError` naming the file.
    """
    context = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_CLIENT)
    if not ca:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(ca)
    except OSError as error:  # that of TLS is one, too
        reason = (error.strerror or "no certificate").lower()
        raise UsageError(f"cannot be read ({reason})", where=f"ca: {ca}", remedy="name a PEM file") from None
    return context


def _is_open(kept: gevent.socket.socket) -> bool:
    """Whether the other side has neither closed it nor sent what nobody asked for."""
    poll = _poll()
    poll.register(kept.fileno(), select.POLLIN)
    return not poll.poll(0)


def read_answer(connection: gevent.socket.socket, method: str, content: bytes) -> _Body:
    """Send, and read the answer whole. What is only interim (103 Early Hints) is passed over."""
    answer, unread, is_begun = _Body(method), b"", False
    try:
        connection.sendall(content)
        while not answer.message_complete:
            data = connection.recv(_RECEIVED_BYTES)
            if not data and not is_begun:
                raise ConnectionEndedError(ENDED)
            is_begun = True
            unread += data
            if not answer.headers_complete:
                unread = _INTERIM.sub(b"", unread)
                if data and (len(unread) < _STATUS_BYTES or _BEGUN_INTERIM.match(unread)):
                    continue
            answer.feed(unread)  # no data ends a body that has no length
            unread = b""
            if not data and not answer.message_complete:
                raise BrokenAnswerError("the answer breaks off in the middle")
    except HTTPParseError as error:
        raise BrokenAnswerError(f"the answer is broken or breaks off in the middle ({error})") from None
    except (BrokenPipeError, ConnectionResetError, gevent.ssl.SSLEOFError):
        if not is_begun:
            raise ConnectionEndedError(ENDED) from None
        raise
    return answer
