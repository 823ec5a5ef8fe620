"""Who may administrate: whoever shows the admin token, in a header or, once, to the sign-in page.

The page keeps no token: its cookie is a signature over the time of signing in, made with a key that is
derived from the token. So a new token ends all sessions, and any number of processes agree.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from fastapi import Request

from claimbench.impl.service.problems import Problem

COOKIE = "claimbench_admin"
SESSION_S = 12 * 3600
FAILURES_MAX = 20
FAILURES_WITHIN_S = 60.0


class Guard:
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
