"""What can go wrong inside a pipeline or at the API."""

from claimbench.errors import ClaimbenchError


class PipelineLookupError(ClaimbenchError):
    """No pipeline goes by this name, or what does is not one."""


class ApiError(Exception):
    """The API refused or failed; `status_code` is None when it did not answer at all."""

    def __init__(self, message: str, *, status_code: int | None = None, retryable: bool) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retryable = retryable


class AnswerError(Exception):
    """An answer is not the JSON that its processing type asks for."""


class LineError(Exception):
    """A line of a result file is not one."""
