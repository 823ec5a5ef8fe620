"""Tiny datasets with everything that breaks assumptions, as values that a history can be shortened by."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import TypeVar

from claimbench.impl.statuses import ProcessingType, RequestStatus

Item = TypeVar("Item")

MODELS = ("gpt-4o-mini", "gpt-4.1-mini")
UNPRICED_MODEL = "gpt-9-preview"
UNKNOWN_MODEL = "llama-99"
"""The API does not serve it: a batch of it fails, line by line."""

HUGE_CHARACTERS = 200_000


class Oddity(StrEnum):
    """What is odd about a session or its requests."""

    NONE = "none"
    SILENT = "silent"
    NULL_CONTENT = "null_content"
    HUGE = "huge"
    CONTROL_CHARACTERS = "control_characters"
    UNPRICED_MODEL = "unpriced_model"
    UNKNOWN_MODEL = "unknown_model"
    FUTURE = "future"


_ODDITIES = tuple(Oddity)[1:]
_ODD_WEIGHTS = (3, 3, 1, 3, 3, 2, 3)


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A request as it is when the history begins."""

    id: int
    model: str
    processing_type: ProcessingType
    status: RequestStatus
    attempts: int
    age_minutes: int

    def __str__(self) -> str:
        begun = "" if self.status is RequestStatus.PENDING_BATCHING else f" {self.status}/{self.attempts}"
        return f"{self.id}:{self.processing_type.lower()}@{self.model}{begun}"


@dataclass(frozen=True, slots=True)
class HistorySession:
    """A session with its requests, which ask different things."""

    id: int
    oddity: Oddity
    messages: int
    requests: tuple[HistoryRequest, ...]

    def __str__(self) -> str:
        odd = "" if self.oddity is Oddity.NONE else f" {self.oddity}"
        return f"session {self.id}{odd} [{', '.join(map(str, self.requests))}]"


@dataclass(frozen=True, slots=True)
class HistoryCompany:
    """A company with its sessions; it may have none."""

    id: int
    is_active: bool
    sessions: tuple[HistorySession, ...]

    def __str__(self) -> str:
        inactive = "" if self.is_active else " inactive"
        return f"company {self.id}{inactive}: {'; '.join(map(str, self.sessions)) or 'no sessions'}"


@dataclass(frozen=True, slots=True)
class HistoryDataset:
    """What stands in the database when the history begins."""

    companies: tuple[HistoryCompany, ...]

    def smaller(self) -> Iterator["HistoryDataset"]:
        """The same with one company, one session or one request less."""
        for place, company in enumerate(self.companies):
            yield HistoryDataset(without(self.companies, place))
            for fewer in _smaller_company(company):
                yield HistoryDataset((*self.companies[:place], fewer, *self.companies[place + 1 :]))


def without(items: tuple[Item, ...], place: int) -> tuple[Item, ...]:
    """All items but the one at that place."""
    return (*items[:place], *items[place + 1 :])


def _smaller_company(company: HistoryCompany) -> Iterator[HistoryCompany]:
    for place, session in enumerate(company.sessions):
        yield replace(company, sessions=without(company.sessions, place))
        for number in range(len(session.requests)) if len(session.requests) > 1 else ():
            fewer = replace(session, requests=without(session.requests, number))
            yield replace(
                company, sessions=(*company.sessions[:place], fewer, *company.sessions[place + 1 :])
            )


COMPANIES_IN_A_CROWD = 105
REQUESTS_OF_A_LARGE_COMPANY = 120


def with_crowd(dataset: HistoryDataset) -> HistoryDataset:
    """The same and more companies than a hundred, each with one plain request that is due."""
    company, session, number = _last_numbers(dataset)
    crowd = (
        HistoryCompany(company + n, is_active=True, sessions=(_plain_session(session + n, number + n, 1),))
        for n in range(1, COMPANIES_IN_A_CROWD + 1)
    )
    return HistoryDataset((*dataset.companies, *crowd))


def with_large_company(dataset: HistoryDataset) -> HistoryDataset:
    """The same and a company with more requests than a hundred, all of them due."""
    company, session, number = _last_numbers(dataset)
    sessions = (_plain_session(session + n, number + n, 2) for n in range(1, REQUESTS_OF_A_LARGE_COMPANY + 1))
    return HistoryDataset(
        (*dataset.companies, HistoryCompany(company + 1, is_active=True, sessions=tuple(sessions)))
    )


def with_long_sessions(dataset: HistoryDataset, chance: Random) -> HistoryDataset:
    """The same, but in about half of the sessions that speak more than ten words are said."""
    return HistoryDataset(
        tuple(
            replace(company, sessions=tuple(_longer(session, chance) for session in company.sessions))
            for company in dataset.companies
        )
    )


def _longer(session: HistorySession, chance: Random) -> HistorySession:
    said = chance.choice((0, 0, 11, 40))
    return replace(session, messages=said) if said and session.messages else session


def _plain_session(number: int, request: int, messages: int) -> HistorySession:
    kind, status = ProcessingType.SUMMARY, RequestStatus.PENDING_BATCHING
    return HistorySession(
        number, Oddity.NONE, messages, (HistoryRequest(request, MODELS[0], kind, status, 0, 60),)
    )


def _last_numbers(dataset: HistoryDataset) -> tuple[int, int, int]:
    sessions = [session for company in dataset.companies for session in company.sessions]
    requests = [request for session in sessions for request in session.requests]
    last = [max((one.id for one in every), default=0) for every in (dataset.companies, sessions, requests)]
    return last[0], last[1], last[2]


def draw_dataset(chance: Random) -> HistoryDataset:
    """One to four companies, up to eight sessions each, a quarter of them odd."""
    numbers = iter(range(1, 10_000))
    sessions = iter(range(1, 10_000))
    return HistoryDataset(
        tuple(
            HistoryCompany(
                number,
                chance.random() < 0.85,
                tuple(
                    _session(next(sessions), numbers, chance)
                    for _ in range(chance.choice((0, 1, 2, 3, 4, 5, 8)))
                ),
            )
            for number in range(1, chance.choice((1, 2, 2, 3, 4)) + 1)
        )
    )


def _session(session_id: int, numbers: Iterator[int], chance: Random) -> HistorySession:
    oddity = chance.choices(_ODDITIES, _ODD_WEIGHTS)[0] if chance.random() < 0.25 else Oddity.NONE
    kinds = chance.sample(tuple(ProcessingType), k=chance.choice((1, 1, 1, 2)))
    messages = 0 if oddity is Oddity.SILENT else chance.randint(1, 4)
    requests = tuple(_request(next(numbers), kind, oddity, chance) for kind in kinds)
    return HistorySession(session_id, oddity, messages, requests)


def _request(number: int, kind: ProcessingType, oddity: Oddity, chance: Random) -> HistoryRequest:
    models = {Oddity.UNPRICED_MODEL: UNPRICED_MODEL, Oddity.UNKNOWN_MODEL: UNKNOWN_MODEL}
    model = models.get(oddity) or chance.choices(MODELS, (4, 1))[0]
    status = chance.choices(
        (
            RequestStatus.PENDING_BATCHING,
            RequestStatus.PROCESSING_FAILED,
            RequestStatus.RETRY_IN_PROGRESS,
            RequestStatus.PROCESSING_COMPLETE,
            RequestStatus.PROCESSING_ABANDONED,
        ),
        (84, 9, 3, 2, 2),
    )[0]
    attempts = 0 if status is RequestStatus.PENDING_BATCHING else chance.randint(1, 2)
    age = -30 * 24 * 60 if oddity is Oddity.FUTURE else chance.randint(0, 90)
    return HistoryRequest(number, model, kind, status, attempts, age)
