"""Who steers: an administrator by the admin token, or by the session that signing in with it began.

The page keeps no token: its cookie is a signature over the time of signing in, made with a key that is
derived from the token. So a new token ends all sessions, and any number of processes agree. A session that
somebody signed out of is kept as ended in the database, where every process looks every two seconds.
"""

import base64
import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from fastapi import Request
from sqlalchemy import DateTime, Engine, Text, delete, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from claimbench.impl.service.problems import Problem

COOKIE = "claimbench_admin"
SESSION_S = 12 * 3600
FAILURES_MAX = 20
FAILURES_OF_ALL_MAX = 200
FAILURES_WITHIN_S = 60.0
OPERATOR_CHARACTERS_MAX = 60
ADDRESS_CHARACTERS_MAX = 45


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who gives an order: the name that was given at sign-in, none for a program, and the address."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name or 'a program with the token'} ({self.address})"


class SignInThrottle:
    """Bounds how many wrong tokens are compared at all: 20 a minute of an address, 200 of all together.

    Who is over the limit is refused before the comparison, the right token as well: nobody learns anything.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: deque[tuple[float, str]] = deque()

    def passes(self, address: str, is_right: Callable[[], bool]) -> bool:
        """Whether it is right; Problem 429, and nothing was compared, when too many were wrong lately."""
        origin = _origin(address)
        with self._lock:
            now = self._clock()
            while self._failures and now - self._failures[0][0] >= FAILURES_WITHIN_S:
                self._failures.popleft()
            own = [at for at, where in self._failures if where == origin]
            if len(own) >= FAILURES_MAX or len(self._failures) >= FAILURES_OF_ALL_MAX:
                first = own[0] if len(own) >= FAILURES_MAX else self._failures[0][0]
                wait_s = int(first + FAILURES_WITHIN_S - now) + 1
                detail = f"too many wrong admin tokens; wait {wait_s} s"
                raise Problem(429, "too_many_attempts", detail, retry_after_s=wait_s)
            if is_right():
                return True
            self._failures.append((now, origin))
            return False


def _origin(address: str) -> str:
    """What one caller can hardly change: the address, or of a sixth version the network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)


class OwnTables(DeclarativeBase):
    """Tables of the service alone: it makes them itself, and no measured database holds them."""


class EndedAdminSession(OwnTables):
    """A session that somebody signed out of, kept until it would have ended by itself."""

    __tablename__ = "ended_admin_session"

    number: Mapped[str] = mapped_column(Text, primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class EndedSessions:
    """Remembers which sessions have ended: here at once, in other processes when they look again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lock = threading.Lock()
        self._ended: frozenset[str] = frozenset()
        self._unsaved: frozenset[str] = frozenset()

    def __contains__(self, number: str) -> bool:
        return number in self._ended or number in self._unsaved

    def add(self, number: str) -> None:
        """End a session; if the database does not answer now, it is told at the next look."""
        with self._lock:
            self._unsaved |= {number}
        try:
            self.look()
        except SQLAlchemyError:
            return

    def look(self) -> None:
        """Tell the database and read it; SQLAlchemyError when it does not answer."""
        with self._lock, self._engine.connect() as connection:
            saved = self._unsaved
            for number in saved:
                row = postgresql.insert(EndedAdminSession).values(number=number, ended_at=func.now())
                connection.execute(row.on_conflict_do_nothing())
            if saved:
                long_ago = func.now() - timedelta(seconds=SESSION_S)
                connection.execute(delete(EndedAdminSession).where(EndedAdminSession.ended_at < long_ago))
            self._ended = frozenset(connection.scalars(select(EndedAdminSession.number)))
            self._unsaved -= saved


def none_ended(_: str) -> bool:
    """For who keeps no list."""
    return False


@dataclass(frozen=True, slots=True)
class AdminSession:
    """What a cookie that we signed says: by what it is known, when it began, and who signed in."""

    number: str
    began: int
    name: str


class AdminAuthentication:
    """Compares in constant time, and bounds how often."""

    def __init__(self, token: str, is_ended: Callable[[str], bool] = none_ended) -> None:
        self._token = _bytes(token)
        self._signing_key = hashlib.sha256(b"claimbench session with a name\x00" + self._token).digest()
        self._is_ended = is_ended
        self._throttle = SignInThrottle()

    def check_token(self, token: str, address: str) -> None:
        """Problem 401 unless it is the admin token; Problem 429 after too many wrong ones."""
        shown = _bytes(token)
        if not self._throttle.passes(address, lambda: hmac.compare_digest(shown, self._token)):
            raise _unknown()

    def new_session(self, name: str = "") -> str:
        """What the cookie of somebody who has just signed in holds."""
        spoken = base64.urlsafe_b64encode(_bytes(name)).decode().rstrip("=")
        value = f"{int(time.time())}.{secrets.token_urlsafe(12)}.{spoken}"
        return f"{value}.{self._signature(value)}"

    def is_session(self, cookie: str) -> bool:
        """Whether we signed this cookie, less than twelve hours ago, and nobody signed out of it."""
        return self.read_session(cookie) is not None

    def session_number(self, cookie: str) -> str | None:
        """By what a session is known that is to end; None for a cookie that is none."""
        session = self.read_session(cookie)
        return None if session is None else session.number

    def check(self, request: Request) -> Administrator:
        """Who calls. Problem 401 without the token or a session's cookie; 403 from a foreign page."""
        address = address_of(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            self.check_token(token.strip(), address)
            return Administrator("", address)
        session = self.read_session(request.cookies.get(COOKIE, ""))
        if session is None:
            raise _unknown()
        if request.method not in ("GET", "HEAD"):
            check_origin(request)
        return Administrator(session.name, address)

    def read_session(self, cookie: str) -> AdminSession | None:
        """The session of a cookie; None when we did not sign it, it is too old, or somebody signed out."""
        value, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(value))):
            return None
        began, number, spoken = value.split(".")
        session = AdminSession(number, int(began), _spoken(spoken))
        alive = 0 <= time.time() - session.began < SESSION_S
        return session if alive and not self._is_ended(number) else None

    def _signature(self, value: str) -> str:
        return hmac.new(self._signing_key, _bytes(value), hashlib.sha256).hexdigest()


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host[:ADDRESS_CHARACTERS_MAX] if request.client else "unknown"


def check_origin(request: Request) -> None:
    """Problem 403 when another site's page sent the request: browsers say so, and pages cannot lie."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in (None, "same-origin", "none"):
        raise Problem(403, "foreign_page", "this was sent by a page of another site; open the admin page")


def _unknown() -> Problem:
    return Problem(401, "admin_token_required", "the admin token is missing or wrong")


def _spoken(coded: str) -> str:
    return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode(errors="surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
