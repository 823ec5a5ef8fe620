"""The rows of each table, from a plan. Small tables come row by row, long ones in blocks for COPY BINARY.

No block has more than some thousand rows, so that a million of them need no memory.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
from psycopg.types.numeric import DecimalBinaryDumper

from claimbench.impl.prices import RATES, PriceFactor, rounded_micros, usd
from claimbench.impl.statuses import BatchStatus, CompanyStatus, ProcessingType, RequestStatus
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding import cells
from claimbench.loadgen.workloads.batch_pipeline.seeding.cells import Cells, text_cell
from claimbench.loadgen.workloads.batch_pipeline.seeding.draws import Draws, Integers, chosen
from claimbench.loadgen.workloads.batch_pipeline.seeding.plan import (
    MODELS,
    NO_ASK,
    TYPES,
    Era,
    Plan,
    SessionColumns,
    ask_of,
    chance,
)
from claimbench.loadgen.workloads.batch_pipeline.seeding.pools import LOCALE_WEIGHTS, Pools
from claimbench.scenarios.grammar import IntegerRange
from claimbench.scenarios.model import BatchDataset

Row = tuple[object, ...]
"""The values of one row, in the order of its table's columns."""

BLOCK = 4_096
"""How many sessions make a block: their rows fit into the processor's cache."""

HISTORY_MESSAGES = IntegerRange(2, 2)
HISTORY_CHARACTERS = IntegerRange(20, 60)
SENTIMENTS = ("positive", "neutral", "negative")
CATEGORIES = ("billing", "delivery", "account", "product", "complaint", "other")
SUMMARY = "The customer asked and was answered."
FAILURE = "server_error: the model gave no answer"
ASKS = range(len(TYPES) * len(MODELS))
BATCH_TAKES = timedelta(minutes=20)
"""Shorter than the pending requests' hour, so that every batch of the past has ended before the epoch."""
PROCESSED_AFTER = BATCH_TAKES + timedelta(minutes=1)
MINUTE = 60_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Seed:
    """All that rows are made of."""

    dataset: BatchDataset
    plan: Plan
    pools: Pools


def company_rows(seed: Seed) -> Iterator[Row]:
    """id, name, status, created_at."""
    names, companies = seed.pools.names, seed.plan.companies
    turns = np.tile(np.array([0, 1], dtype=np.uint8), len(companies))
    drawn = chance(seed.dataset, "names").below((len(names), 1000), turns).tolist()
    for company, name, days in zip(companies, drawn[::2], drawn[1::2], strict=True):
        status = CompanyStatus.ACTIVE if company.active else CompanyStatus.INACTIVE
        created_at = EPOCH - timedelta(days=400 + days)
        yield company.id, f"{names[name]} {company.id}", status.value, created_at


def batch_rows(seed: Seed) -> Iterator[Row]:
    """id, company_id, model, key, status, outcome, the API's id and time, three files, two of their
    completeness, error, claim, times.

    The API's time stays unknown: the clock of an API that comes later may be behind it.
    """
    for number, batch in enumerate(seed.plan.batches, start=1):
        digest = hashlib.sha256(f"{seed.dataset.seed}/batch/{number}".encode()).hexdigest()
        error_file_id = f"file-e{digest[:20]}" if batch.has_failures else None
        ended_at = batch.created_at + BATCH_TAKES
        yield (
            *(number, batch.company_id, batch.model, digest[:32]),
            *(BatchStatus.PROCESSED.value, BatchStatus.COMPLETED.value),
            *(f"batch_{digest[:24]}", None),
            *(f"file-i{digest[:20]}", f"file-o{digest[:20]}", error_file_id),
            *(None, None, None, None, None, batch.created_at, ended_at, batch.created_at + PROCESSED_AFTER),
        )


def session_blocks(seed: Seed) -> Iterator[bytes]:
    """id, company_id, started_at, summary, sentiment, category, language.

    The last four as far as answered.
    """
    draw = chance(seed.dataset, "answers")
    bounds = (55, len(SENTIMENTS), len(CATEGORIES), len(seed.pools.languages))
    for sessions in seed.plan.sessions:
        for part in _parts(sessions):
            answered = _answered(sessions.asks[part]) if sessions.era is Era.HISTORY else None
            wanted = np.ones((len(sessions.asks[part]), 1), np.bool_) if answered is None else answered
            places = np.nonzero(wanted)
            drawn = np.zeros(wanted.shape, dtype=np.int64)
            drawn[places] = draw.below(bounds[: wanted.shape[1]], places[1].astype(np.uint8))
            started_at = sessions.requested_at[part] - MINUTE * (5 + drawn[:, 0])
            ids = np.arange(part.start, part.start + len(started_at)) + sessions.first_id
            head = (cells.numbers(ids, 8), cells.numbers(sessions.company_ids[part], 8))
            answers: tuple[Cells, ...] = (cells.constant(len(ids), 4 * cells.NULL),)
            if answered is not None:
                answers = _answers(seed, sessions.asks[part], drawn, answered)
            yield cells.rows(7, (*head, cells.numbers(started_at, 8), *answers))


def _parts(sessions: SessionColumns) -> Iterator[slice]:
    """The places of the sessions of each block."""
    return (slice(begin, begin + BLOCK) for begin in range(0, len(sessions), BLOCK))


def _answered(asks: np.ndarray) -> np.ndarray:
    """For each session whether a beginning, a sentiment, a category and a language are drawn for it."""
    answered = np.ones((len(asks), 4), dtype=np.bool_)
    kinds = asks // len(MODELS)
    whole = kinds == TYPES.index(ProcessingType.FULL_ANALYSIS)
    answered[:, 1] = whole | (kinds == TYPES.index(ProcessingType.SENTIMENT_ANALYSIS))
    answered[:, 2] = whole | (kinds == TYPES.index(ProcessingType.CATEGORIZATION))
    answered[:, 3] = whole
    return answered


def _answers(seed: Seed, asks: np.ndarray, drawn: np.ndarray, answered: np.ndarray) -> tuple[Cells, ...]:
    kinds = asks // len(MODELS)
    summed = answered[:, 3] | (kinds == TYPES.index(ProcessingType.SUMMARY))
    parts = [cells.coded(summed.astype(np.int64), [cells.NULL, text_cell(SUMMARY)])]
    for place, words in enumerate((SENTIMENTS, CATEGORIES, seed.pools.languages), start=1):
        codes = np.where(answered[:, place], drawn[:, place] + 1, 0)
        parts.append(cells.coded(codes, [cells.NULL, *map(text_cell, words)]))
    return tuple(parts)


def request_blocks(seed: Seed) -> Iterator[bytes]:
    """id, session_id, model, type, status, batch_id, attempts, tokens, cost, error, times and claim."""
    draw, first_id = chance(seed.dataset, "usage"), 1
    for sessions in seed.plan.sessions:
        for part in _parts(sessions):
            asks, seconds = sessions.asks[part], sessions.second_asks[part]
            counts = 1 + (seconds != NO_ASK)
            places = np.repeat(np.arange(len(asks)), counts)
            asked = asks[places]
            asked[np.cumsum(counts)[seconds != NO_ASK] - 1] = seconds[seconds != NO_ASK]
            ids = np.arange(first_id, first_id + len(places))
            first_id += len(places)
            head = (
                cells.numbers(ids, 8),
                cells.numbers(places + (sessions.first_id + part.start), 8),
                _named(asked, sessions.era),
            )
            requested_at = cells.numbers(sessions.requested_at[part][places], 8)
            batched = sessions.batch_ids[part][places]
            yield cells.rows(15, (*head, *_state(seed, draw, sessions.era, asked, batched, requested_at)))


_STATUS = {
    Era.HISTORY: RequestStatus.PROCESSING_COMPLETE,
    Era.FAILED: RequestStatus.PROCESSING_FAILED,
    Era.PENDING: RequestStatus.PENDING_BATCHING,
}


def _named(asks: np.ndarray, era: Era) -> Cells:
    """model, type, status."""
    known = []
    for code in ASKS:
        kind, model = ask_of(code)
        known.append(text_cell(model) + text_cell(kind.value) + text_cell(_STATUS[era].value))
    return cells.coded(asks, known)


def _attempts(number: int) -> bytes:
    return cells.cell(number.to_bytes(4, "big"))


def _state(
    seed: Seed, draw: Draws, era: Era, asked: np.ndarray, batched: Integers, requested_at: Cells
) -> tuple[Cells, ...]:
    """batch_id, attempts, two numbers of tokens, cost, error, requested_at, the claim's two, completed_at."""
    count = len(asked)
    if era is Era.PENDING:
        state = cells.NULL + _attempts(0) + 4 * cells.NULL
        return cells.constant(count, state), requested_at, cells.constant(count, 3 * cells.NULL)
    batch = cells.numbers(batched, 8)
    if era is Era.FAILED:
        state = _attempts(1) + 3 * cells.NULL + text_cell(FAILURE)
        return batch, cells.constant(count, state), requested_at, cells.constant(count, 3 * cells.NULL)
    drawn = draw.below((400, 60), np.tile(np.array([0, 1], dtype=np.uint8), count))
    prompt, completion = 80 + drawn[::2], 10 + drawn[1::2]
    tokens = (cells.numbers(prompt, 4), cells.numbers(completion, 4))
    ended_at = seed.plan.batched_at[batched] + PROCESSED_AFTER // timedelta(microseconds=1)
    return (
        *(
            batch,
            cells.constant(count, _attempts(1)),
            *tokens,
            _costs(asked % len(MODELS), prompt, completion),
        ),
        *(cells.constant(count, cells.NULL), requested_at, cells.constant(count, 2 * cells.NULL)),
        cells.numbers(ended_at, 8),
    )


def _costs(models: np.ndarray, prompt: Integers, completion: Integers) -> Cells:
    """What requests cost: each different amount is rounded and written once."""
    exact = _RATES[models, 0] * prompt + _RATES[models, 1] * completion
    amounts, which = np.unique(exact, return_inverse=True)
    return cells.coded(which, [_cost_cell(amount) for amount in amounts.tolist()])


_RATES = np.array([RATES[PriceFactor.BATCH][model] for model in MODELS])


@lru_cache(maxsize=8_192)
def _cost_cell(thousandths: int) -> bytes:
    """A cost, from thousandths of a millionth of a dollar."""
    return cells.cell(bytes(_DUMPER.dump(usd(rounded_micros(thousandths))) or b""))


_DUMPER = DecimalBinaryDumper(Decimal)


def message_blocks(seed: Seed) -> Iterator[bytes]:
    """id, session_id, position, role, content.

    Roles alternate, the user begins, a session keeps its language.
    """
    draw, texts, first_id = chance(seed.dataset, "messages"), _texts(seed.pools.texts), 1
    for sessions in seed.plan.sessions:
        is_past = sessions.era is Era.HISTORY
        wanted = HISTORY_MESSAGES if is_past else seed.dataset.messages_per_session
        characters = HISTORY_CHARACTERS if is_past else seed.dataset.characters_per_message
        for part in _parts(sessions):
            count = len(sessions.company_ids[part])
            uniforms, begins, counts = _drawn_messages(draw, count, wanted)
            places = np.repeat(np.arange(count), counts)
            positions = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
            spoken = chosen(uniforms[begins], LOCALE_WEIGHTS)[places]
            drawn = begins[places] + 2 + 2 * positions
            starts = (uniforms[drawn] * (texts.lengths[spoken] - characters.high)).astype(np.int64)
            span = characters.high - characters.low + 1
            lengths = characters.low + (uniforms[drawn + 1] * span).astype(np.int64)
            starts += texts.begins[spoken]
            begin, end = texts.bytes_at[starts], texts.bytes_at[starts + lengths]
            ids = np.arange(first_id, first_id + len(places))
            first_id += len(places)
            head = (
                *(cells.numbers(ids, 8), cells.numbers(places + (sessions.first_id + part.start), 8)),
                *(cells.numbers(positions, 4), cells.coded(positions % 2, _ROLES)),
            )
            yield _with_texts(head, texts.content, begin, end)


_ROLES = (text_cell("user"), text_cell("assistant"))


def _drawn_messages(draw: Draws, count: int, wanted: IntegerRange) -> tuple[np.ndarray, Integers, Integers]:
    """The uniforms that sessions take, where those of each begin, and how many messages each has.

    A session takes one for its language, one for the number of its messages, and two for each message.
    """
    uniforms = draw.uniforms_ahead(count * (2 + 2 * wanted.high))
    numbers = wanted.low + (uniforms * (wanted.high - wanted.low + 1)).astype(np.int64)
    steps, begins, place = (2 + 2 * numbers).data, list[int](), 0
    for _ in range(count):
        begins.append(place)
        place += steps[place + 1]
    draw.skip_uniforms(place)
    begin = np.array(begins, dtype=np.int64)
    return uniforms, begin, numbers[begin + 1]


@dataclass(frozen=True, eq=False)
class _Texts:
    """All texts one after the other, in UTF-8, and where in it each character begins.

    begins: the first character of each text; lengths: its characters.
    """

    content: bytes
    bytes_at: Integers
    begins: Integers
    lengths: Integers


def _texts(texts: Sequence[str]) -> _Texts:
    content = "".join(texts).encode()
    # Every byte but those that go on with a character begins one.
    begins = np.flatnonzero((np.frombuffer(content, dtype=np.uint8) & 0xC0) != 0x80)
    lengths = [len(text) for text in texts]
    return _Texts(
        content,
        np.append(begins, len(content)),
        np.array([0, *accumulate(lengths[:-1])]),
        np.array(lengths),
    )


def _with_texts(head: Sequence[Cells], content: bytes, begin: Integers, end: Integers) -> bytes:
    """Rows of five columns whose last one is a piece of the content, from `begin` to `end`."""
    lengths = Cells(cells.numbers(end - begin, 4).padded[:, 4:])
    heads = cells.rows(5, (*head, lengths))
    widths = 2 + sum(one.widths for one in (*head, lengths))
    places = [0, *np.cumsum(widths).tolist()]
    pieces: list[bytes] = [b""] * (2 * len(begin))
    pieces[::2] = [heads[first:last] for first, last in pairwise(places)]
    pieces[1::2] = [content[first:last] for first, last in zip(begin.tolist(), end.tolist(), strict=True)]
    return b"".join(pieces)
