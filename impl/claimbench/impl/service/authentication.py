"""Who is calling: an administrator by the admin token, a company by its API key.

The page keeps no token: its cookie is a signature over the time of signing in, made with a key that is
derived from the token. So a new token ends all sessions, and any number of processes agree.

Of a company's key only the SHA-256 is stored, so the table gives no key away. A key has 256 random bits, so
a fast hash is enough: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from sqlalchemy import Engine, func, insert, literal, select, update
from starlette.datastructures import Headers

from claimbench.impl.schema import Company, CompanyApiKey
from claimbench.impl.service.forms import CompanyView, KeyView
from claimbench.impl.service.problems import Problem
from claimbench.impl.statuses import CompanyStatus

COOKIE = "claimbench_admin"
SESSION_S = 12 * 3600
FAILURES_MAX = 20
FAILURES_WITHIN_S = 60.0


class AdminAuthentication:
    """Compares in constant time, and slows guessing down: 20 wrong tokens a minute, then nobody may try."""

    def __init__(self, token: str) -> None:
        self._token = _bytes(token)
        self._signing_key = hashlib.sha256(b"claimbench session\x00" + self._token).digest()
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)

    def check_token(self, token: str) -> None:
        """Problem 401 unless it is the admin token; Problem 429 after too many wrong ones."""
        if hmac.compare_digest(_bytes(token), self._token):
            return
        now = time.monotonic()
        with self._lock:
            self._failures.append(now)
            many = len(self._failures) == FAILURES_MAX and now - self._failures[0] < FAILURES_WITHIN_S
        if many:
            detail = "too many wrong admin tokens; wait a minute"
            raise Problem(429, "too_many_attempts", detail, retry_after_s=int(FAILURES_WITHIN_S))
        raise Problem(401, "admin_token_required", "the admin token is missing or wrong")

    def new_session(self) -> str:
        """What the cookie of somebody who has just signed in holds."""
        value = f"{int(time.time())}.{secrets.token_urlsafe(12)}"
        return f"{value}.{self._signature(value)}"

    def is_session(self, cookie: str) -> bool:
        """Whether we signed this cookie, less than twelve hours ago."""
        value, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(value))):
            return False
        began = int(value.partition(".")[0])
        return 0 <= time.time() - began < SESSION_S

    def _signature(self, value: str) -> str:
        return hmac.new(self._signing_key, _bytes(value), hashlib.sha256).hexdigest()

    def check(self, request: Request) -> None:
        """Problem 401 unless the request carries the token or a session's cookie; 403 from a foreign page."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            self.check_token(token.strip())
            return
        if not self.is_session(request.cookies.get(COOKIE, "")):
            raise Problem(401, "admin_token_required", "the admin token is missing or wrong")
        if request.method not in ("GET", "HEAD"):
            check_origin(request)


def check_origin(request: Request) -> None:
    """Problem 403 when another site's page sent the request: browsers say so, and pages cannot lie."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in (None, "same-origin", "none"):
        raise Problem(403, "foreign_page", "this was sent by a page of another site; open the admin page")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


PREFIX = "cbk_"
REMEMBERED_S = 5.0
"""How long another process may still accept a key after it was revoked."""
REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CallingCompany:
    """The company that is calling."""

    company_id: int
    active: bool


@dataclass(frozen=True, slots=True)
class _KnownKey:
    company: CallingCompany
    until: float


def shown_key(headers: Headers) -> str:
    """The company's key that a request carries; Problem 401 without one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Problem(401, "key_required", "send a company's API key as `Authorization: Bearer KEY`")
    return key.strip()


class CompanyKeys:
    """Finds the company of a key, and makes and revokes keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _KnownKey] = OrderedDict()

    def of_key(self, key: str) -> CallingCompany:
        """The company of this key; Problem 401 when there is none."""
        digest = _digest(key)
        company = self._recall(digest) or self._look_up(digest)
        if company is None:
            raise Problem(401, "unknown_key", "this API key is not known; send `Authorization: Bearer KEY`")
        return company

    def remembered(self, key: str) -> CallingCompany | None:
        """The company of a key that was looked up in the last five seconds."""
        return self._recall(_digest(key))

    def create_company(self, name: str) -> CompanyView:
        """A new active company."""
        row = insert(Company).values(name=name, status=CompanyStatus.ACTIVE, created_at=func.now())
        with self._engine.connect() as connection:
            company_id = connection.execute(row.returning(Company.id)).scalar_one()
        return CompanyView(id=company_id, name=name, status=CompanyStatus.ACTIVE)

    def create_key(self, company_id: int) -> KeyView:
        """A new key for a company; Problem 404 when there is no such company."""
        key = PREFIX + secrets.token_urlsafe(32)
        company = select(Company.id, literal(_digest(key)), func.now())
        row = insert(CompanyApiKey).from_select(
            ["company_id", "key_sha256", "created_at"], company.where(Company.id == company_id)
        )
        with self._engine.connect() as connection:
            key_id = connection.execute(row.returning(CompanyApiKey.id)).scalar_one_or_none()
        if key_id is None:
            raise Problem(404, "not_found", "there is no such company")
        return KeyView(id=key_id, company_id=company_id, key=key)

    def revoke_key(self, key_id: int) -> None:
        """Let a key open nothing any more; Problem 404 when there is no such key."""
        row = update(CompanyApiKey).where(CompanyApiKey.id == key_id).values(revoked_at=func.now())
        with self._engine.connect() as connection:
            digest = connection.execute(row.returning(CompanyApiKey.key_sha256)).scalar_one_or_none()
        if digest is None:
            raise Problem(404, "not_found", "there is no such key")
        with self._lock:
            self._known.pop(digest, None)

    def _recall(self, digest: str) -> CallingCompany | None:
        with self._lock:
            found = self._known.get(digest)
            if found is None or found.until < time.monotonic():
                self._known.pop(digest, None)
                return None
            return found.company

    def _look_up(self, digest: str) -> CallingCompany | None:
        query = (
            select(Company.id, Company.status)
            .join(CompanyApiKey, CompanyApiKey.company_id == Company.id)
            .where(CompanyApiKey.key_sha256 == digest, CompanyApiKey.revoked_at.is_(None))
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return None
        company = CallingCompany(found.id, found.status == CompanyStatus.ACTIVE)
        with self._lock:
            self._known[digest] = _KnownKey(company, time.monotonic() + REMEMBERED_S)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        return company


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
