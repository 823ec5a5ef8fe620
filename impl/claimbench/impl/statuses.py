"""The states that requests and batches can be in; `docs/states.md` draws their edges."""

from enum import StrEnum


class CompanyStatus(StrEnum):
    """Only an active company's work is done."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class ProcessingType(StrEnum):
    """What is asked about a session."""

    SENTIMENT_ANALYSIS = "SENTIMENT_ANALYSIS"
    CATEGORIZATION = "CATEGORIZATION"
    SUMMARY = "SUMMARY"
    FULL_ANALYSIS = "FULL_ANALYSIS"


class RequestStatus(StrEnum):
    """The life of one processing request."""

    PENDING_BATCHING = "PENDING_BATCHING"
    BATCHING_IN_PROGRESS = "BATCHING_IN_PROGRESS"
    PROCESSING_COMPLETE = "PROCESSING_COMPLETE"
    PROCESSING_FAILED = "PROCESSING_FAILED"
    RETRY_IN_PROGRESS = "RETRY_IN_PROGRESS"
    PROCESSING_ABANDONED = "PROCESSING_ABANDONED"


class BatchStatus(StrEnum):
    """The life of one batch: ours up to UPLOADING, then the API's, then PROCESSED."""

    UPLOADING = "UPLOADING"
    VALIDATING = "VALIDATING"
    IN_PROGRESS = "IN_PROGRESS"
    FINALIZING = "FINALIZING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    PROCESSED = "PROCESSED"


OPEN_BATCHES = (
    BatchStatus.VALIDATING,
    BatchStatus.IN_PROGRESS,
    BatchStatus.FINALIZING,
    BatchStatus.CANCELLING,
)
"""The API still works on these; the status check asks about them."""

ENDED_BATCHES = (
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
    BatchStatus.FAILED,
)
"""The API is done with these; their results wait to be processed."""

ACCEPTED_BATCHES = (
    BatchStatus.IN_PROGRESS,
    BatchStatus.FINALIZING,
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
)
"""The API has taken up the requests of these: it was at no limit when they came."""
