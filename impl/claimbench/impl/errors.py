"""What can go wrong inside a pipeline or at the API."""

from claimbench.errors import ClaimbenchError


class PipelineLookupError(ClaimbenchError):
    """No pipeline goes by this name, or what does is not one."""


class ApiError(Exception):
    """The API refused or failed; `code` is its own word for why, `retryable` whether later may help."""

    def __init__(self, message: str, *, code: str | None = None, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class AnswerError(Exception):
    """An answer is not the JSON that its processing type asks for."""


class LineError(Exception):
    """A line of a result file is not one."""
