"""What clients send and get, as frozen models: every text, number and time is bounded."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from claimbench.impl.prices import PRICES
from claimbench.impl.service.display_names import clean_name
from claimbench.impl.service.limits import (
    CHARACTERS_PER_MESSAGE_MAX,
    MESSAGES_PER_SESSION_MAX,
    SESSIONS_PER_BULK_MAX,
)
from claimbench.impl.statuses import BatchStatus, CompanyStatus, ProcessingType, RequestStatus
from claimbench.impl.storable import is_storable

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("the text holds a NUL or half a surrogate pair")
    return text


def _in_our_age(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("the time is not between 1970 and 2100")
    return moment.astimezone(UTC)


StorableText = Annotated[str, AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_our_age)]


CompanyName = Annotated[
    StorableText,
    Field(
        min_length=1,
        max_length=200,
        description="Trimmed and composed (NFC); unlike the name of any other company, whatever the case.",
    ),
    AfterValidator(clean_name),
]


class RequestBody(BaseModel):
    """Read from a client: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """Shown to a client."""

    model_config = ConfigDict(frozen=True)


class MessageForm(RequestBody):
    """One utterance."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[StorableText, Field(max_length=CHARACTERS_PER_MESSAGE_MAX)]


class RequestForm(RequestBody):
    """One question about the session."""

    processing_type: ProcessingType
    model: Literal[tuple(PRICES)] = "gpt-4o-mini"  # type: ignore[valid-type]  # the price list is the choice


class SessionForm(RequestBody):
    """A conversation and what shall be found out about it."""

    started_at: Moment | None = Field(None, description="When it began; now, if not said.")
    messages: Annotated[tuple[MessageForm, ...], Field(min_length=1, max_length=MESSAGES_PER_SESSION_MAX)]
    requests: Annotated[tuple[RequestForm, ...], Field(min_length=1, max_length=len(ProcessingType))]


class BulkForm(RequestBody):
    """Several sessions; all are stored or none."""

    sessions: Annotated[tuple[SessionForm, ...], Field(min_length=1, max_length=SESSIONS_PER_BULK_MAX)]


class RequestReceipt(View):
    """A stored processing request."""

    id: int
    processing_type: ProcessingType
    status: RequestStatus


class SessionReceipt(View):
    """A stored session."""

    id: int
    requests: tuple[RequestReceipt, ...]


class BulkReceipt(View):
    """The stored sessions, in the order in which they were sent."""

    sessions: tuple[SessionReceipt, ...]


class RequestView(View):
    """A processing request: its state, and what its answer cost. `error` says why there is none."""

    id: int
    session_id: int
    processing_type: ProcessingType
    model: str
    status: RequestStatus
    attempts: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    error: str | None
    requested_at: datetime
    completed_at: datetime | None


class Answers(View):
    """What was found out; null where it was not asked or is not known yet."""

    sentiment: str | None
    category: str | None
    summary: str | None
    language: str | None


class SessionView(View):
    """A session, its answers so far, and its requests in the order of their ids."""

    id: int
    started_at: datetime
    answers: Answers
    requests: tuple[RequestView, ...]


class SessionPage(View):
    """Sessions by id, newest first. `next_before` leads to the next page; null on the last one."""

    sessions: tuple[SessionView, ...]
    next_before: int | None


class Statistics(View):
    """The queue of one company."""

    requests: dict[RequestStatus, int]
    batches: dict[BatchStatus, int]
    oldest_pending_at: datetime | None
    total_tokens: int
    cost_usd: float


class CompanyForm(RequestBody):
    """A new tenant."""

    name: CompanyName


class CompanyView(View):
    """A tenant."""

    id: int
    name: str
    status: CompanyStatus


class FromRow(View):
    """Made from a row of the database."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class CompanyEntry(FromRow):
    """A tenant, and how many keys open it."""

    id: int
    name: str
    status: CompanyStatus
    created_at: datetime
    active_keys: int


class CompanyPage(View):
    """Tenants by id. `next_after` leads to the next page; null on the last one."""

    companies: tuple[CompanyEntry, ...]
    next_after: int | None


class KeyEntry(FromRow):
    """An API key without the key itself, which nobody has kept."""

    id: int
    created_at: datetime
    revoked_at: datetime | None


class KeyPage(View):
    """The keys of a tenant, newest first."""

    keys: tuple[KeyEntry, ...]


class KeyView(View):
    """A new API key. The key itself is shown this once; only its hash is kept."""

    id: int
    company_id: int
    key: str
