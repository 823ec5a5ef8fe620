"""Engines and API clients for real use: a time-out on everything that waits for somebody else."""

from dataclasses import dataclass
from datetime import timedelta

import httpx2
import openai
from sqlalchemy import URL, Engine, create_engine

from claimbench.impl.events import EventSink, ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.resilience import DOCUMENTED, Resilience, ResilientBatchApi


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for the database and for the API before it counts as a failure."""

    connect: timedelta = timedelta(seconds=10)
    statement: timedelta = timedelta(minutes=2)
    lock: timedelta = timedelta(seconds=30)
    pool: timedelta = timedelta(seconds=30)
    api_connect: timedelta = timedelta(seconds=5)
    api: timedelta = timedelta(minutes=2)


PATIENT = Timeouts()


def open_engine(url: URL | str, timeouts: Timeouts = PATIENT) -> Engine:
    """An engine over psycopg 3 whose connections give up in time; the caller disposes of it."""
    options = {"statement_timeout": timeouts.statement, "lock_timeout": timeouts.lock}
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=timeouts.pool.total_seconds(),
        connect_args={
            "connect_timeout": round(timeouts.connect.total_seconds()),
            "options": " ".join(f"-c {name}={_milliseconds(limit)}" for name, limit in options.items()),
        },
    )


def open_client(
    base_url: str | None, api_key: str | None = None, http_client: httpx2.Client | None = None
) -> openai.OpenAI:
    """A client that repeats nothing by itself: its retries would sleep inside a stage. The caller closes it.

    Without a key it is the environment's; openai.OpenAIError when there is none, or the address is wrong.
    """
    return openai.OpenAI(
        api_key=api_key,
        base_url=base_url,
        timeout=PATIENT.api.total_seconds(),
        http_client=http_client,
        max_retries=0,
    )


def open_api(
    client: openai.OpenAI,
    events: EventSink = ignore,
    resilience: Resilience = DOCUMENTED,
    timeouts: Timeouts = PATIENT,
) -> ResilientBatchApi:
    """The resilient api over a client of `open_client`."""
    limits = openai.Timeout(timeouts.api.total_seconds(), connect=timeouts.api_connect.total_seconds())
    patient = client.with_options(timeout=limits)
    return ResilientBatchApi(OpenAIBatchApi(patient), resilience, events)


def _milliseconds(limit: timedelta) -> int:
    return round(limit.total_seconds() * 1000)
