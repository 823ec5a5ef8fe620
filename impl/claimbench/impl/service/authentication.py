"""Which company is calling: it shows its API key.

Of a key only the SHA-256 is stored, so the table gives no key away. A key has 256 random bits, so a fast hash
is enough: there is nothing to guess.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import Engine, func, insert, literal, select, update
from starlette.datastructures import Headers

from claimbench.impl.schema import Company, CompanyApiKey
from claimbench.impl.service.forms import KeyView
from claimbench.impl.service.problems import Problem
from claimbench.impl.statuses import CompanyStatus

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
        row = update(CompanyApiKey).where(CompanyApiKey.id == key_id)
        row = row.values(revoked_at=func.coalesce(CompanyApiKey.revoked_at, func.now()))
        with self._engine.connect() as connection:
            digest = connection.execute(row.returning(CompanyApiKey.key_sha256)).scalar_one_or_none()
        if digest is None:
            raise Problem(404, "not_found", "there is no such key")
        with self._lock:
            self._known.pop(digest, None)

    def forget(self, company_id: int) -> None:
        """Remember no key of a company: it is no more."""
        with self._lock:
            for digest in [
                one for one, known in self._known.items() if known.company.company_id == company_id
            ]:
                del self._known[digest]

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
