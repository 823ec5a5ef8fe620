"""What can go wrong inside a pipeline or at the API."""

from enum import StrEnum

from claimbench.errors import ClaimbenchError


class PipelineLookupError(ClaimbenchError):
    """No pipeline goes by this name, or what does is not one."""


class Blame(StrEnum):
    """What a failed call says about: the request itself, the moment, or us, whatever we had sent."""

    REQUEST = "request"
    MOMENT = "moment"
    CALLER = "caller"


def is_transient(status_code: int | None) -> bool:
    """Whether another attempt may help; None is a lost response, 0 a request that the API lost."""
    return status_code is None or status_code >= 500 or status_code in (0, 408, 409, 429)


CIRCUIT_OPEN = "circuit_open"
"""The code of a call that was not made, because its kind has failed too often of late."""

_CALLERS_CODES = frozenset(
    {CIRCUIT_OPEN, "rate_limit_exceeded", "token_limit_exceeded", "insufficient_quota", "invalid_api_key"}
)


class ApiError(Exception):
    """The API refused or failed; `status_code` is None when it did not answer at all.

    `code` is the API's own word for it, `retry_after_s` how long it asks us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        retryable: bool,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status_code = status_code
        self.code = code
        self.retryable = retryable

    @property
    def is_rate_limit(self) -> bool:
        """Whether it was too much at once, and a little later is soon enough."""
        return self.status_code == 429 and self.code != "insufficient_quota"

    @property
    def blame(self) -> Blame:
        """Whose failure it is: a refused key, a used-up quota or a rate limit say nothing about a request."""
        if self.code in _CALLERS_CODES or self.status_code in (401, 429):
            return Blame.CALLER
        return Blame.MOMENT if self.retryable else Blame.REQUEST


class IncompleteFilesError(ApiError):
    """The API has not given the whole files of an ended batch, and may still do so.

    since: when that was first seen, by the API's clock, in Unix seconds.
    """

    def __init__(self, message: str, since: int) -> None:
        super().__init__(message, retryable=True)
        self.since = since


def is_unsent(error: ApiError) -> bool:
    """Whether a creation that failed so has certainly created nothing: a quota or a key, not the moment."""
    return error.blame is Blame.CALLER


class AnswerError(Exception):
    """An answer is not the JSON that its processing type asks for."""


class LineError(Exception):
    """A line of a result file is not one."""
