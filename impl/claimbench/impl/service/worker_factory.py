"""How a worker is put together: client, breakers, pipeline, scheduler, and the durations of all of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import openai
from sqlalchemy import URL, Engine

from claimbench.errors import UsageError
from claimbench.impl.connecting import open_api, open_client, open_engine
from claimbench.impl.ports import PipelineContext, Policy
from claimbench.impl.resilience import DOCUMENTED, Resilience
from claimbench.impl.scheduler import PipelineScheduler, Timetable
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.pipeline_switch import PipelineSwitch
from claimbench.impl.service.query_times import time_queries
from claimbench.impl.service.worker import Worker, WorkerParts

KEY_VARIABLE = "OPENAI_API_KEY"
SPEED_MAX = 3_600.0
LEASE = Policy().claim_lease


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Where the API is, None for OpenAI's own, and the key for it."""

    base_url: str | None
    key: str


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """`speed`: how many times as fast as the document's timetable everything runs that waits for time.

    `lease`: how long rows that a worker took stay its own; a stage must not take longer. `api`: None for the
    one that the environment names.
    """

    pipeline: str
    url: URL
    speed: float = 1.0
    lease: timedelta = LEASE
    api: ApiAccess | None = None


@contextmanager
def open_worker(options: WorkerOptions, name: str, engine: Engine, observer: Observer) -> Iterator[Worker]:
    """A worker, not started yet; `engine` is for its reports, its stages have one of their own.

    UsageError without an API key or with a speed that is none, PipelineLookupError for an unknown pipeline.
    """
    durations = durations_of(options.speed, options.lease)
    stages_engine = open_engine(options.url)
    try:
        time_queries(stages_engine, observer.pipeline_query)
        with _client(options.api or _api_of_environment()) as client:
            api = open_api(client, observer.event, durations.resilience)
            context = PipelineContext(stages_engine, api, durations.policy, observer.event)
            pipelines = PipelineSwitch(options.pipeline, context)
            scheduler = PipelineScheduler(pipelines, durations.timetable, events=observer.event)
            yield Worker(
                WorkerParts(name, options.speed, engine, pipelines, scheduler, observer, api.breakers)
            )
    finally:
        stages_engine.dispose()


@dataclass(frozen=True, slots=True)
class Durations:
    """All that waits for time to pass."""

    timetable: Timetable
    policy: Policy
    resilience: Resilience


def durations_of(speed: float, lease: timedelta = LEASE) -> Durations:
    """The document's durations divided by `speed`; the lease is not, as it says when somebody is dead."""
    if not 0 < speed <= SPEED_MAX:
        raise UsageError(
            f"{speed:g} is not a speed", where="--speed", remedy=f"use a number up to {SPEED_MAX:g}"
        )
    policy = Policy()
    return Durations(
        Timetable().faster(speed),
        replace(
            policy,
            claim_lease=lease,
            pending_age_max=policy.pending_age_max / speed,
            company_cache_ttl=policy.company_cache_ttl / speed,
            back_off_min=policy.back_off_min / speed,
            back_off_max=policy.back_off_max / speed,
            missing_file_patience=policy.missing_file_patience / speed,
        ),
        replace(
            DOCUMENTED,
            wait_min=DOCUMENTED.wait_min / speed,
            wait_max=DOCUMENTED.wait_max / speed,
            breaker_open=DOCUMENTED.breaker_open / speed,
        ),
    )


def _api_of_environment() -> ApiAccess:
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise UsageError(
            "there is no API key",
            where=KEY_VARIABLE,
            remedy="set it (any value does for the fake API), or serve with --scheduler none",
        )
    return ApiAccess(os.environ.get("OPENAI_BASE_URL") or None, key)


def _client(api: ApiAccess) -> openai.OpenAI:
    with suppress(openai.OpenAIError, ValueError):
        if api.base_url is None or _is_address(api.base_url):
            return open_client(api.base_url, api.key)
    raise UsageError(
        "the API client cannot be made",
        where="OPENAI_BASE_URL",
        remedy="set it to an http:// or https:// address, or unset it",
    )


def _is_address(text: str) -> bool:
    """Whether a client can send something there; ValueError for a port that is none."""
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
