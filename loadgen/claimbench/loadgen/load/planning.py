"""From a scenario's `[load]` table to a generator's plan."""

import os
from dataclasses import dataclass

from claimbench.errors import UsageError
from claimbench.loadgen.load.arrivals import Profile, Spacing, Stretch, constant
from claimbench.loadgen.load.plan import Body, Credential, LoadPlan, Operation, TenantKey
from claimbench.scenarios.load import Load, Traffic
from claimbench.scenarios.loader import load as load_scenario
from claimbench.scenarios.targets import Method

HOST = "http://127.0.0.1:8000"
BY_HAND = "load-smoke"
"""The scenario whose load the locustfile makes when it is run without a plan."""

TENANT_KEYS, ADMIN_TOKEN = "CLAIMBENCH_TENANT_KEYS", "CLAIMBENCH_ADMIN_TOKEN"


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is, and the keys that it knows."""

    host: str
    tenants: tuple[TenantKey, ...]
    admin_token: str


def plan_of(load: Load, access: Access) -> LoadPlan:
    """The whole load against this service."""
    return shaped(load, access, profile(load), operations(load.traffic))


def plan_at_rate(load: Load, access: Access, rate_per_s: float, duration_s: float) -> LoadPlan:
    """The same traffic at a constant rate, for a step of the capacity search."""
    return shaped(load, access, constant(rate_per_s, duration_s), operations(load.traffic))


def shaped(load: Load, access: Access, stretches: Profile, asked: tuple[Operation, ...]) -> LoadPlan:
    """These requests as this load sends them, at rates over time that may be other than its own."""
    duration_s = sum(stretch.duration_s for stretch in stretches)
    return LoadPlan(
        host=access.host,
        profile=tuple(stretches),
        spacing=Spacing(load.arrivals.value),
        seed=load.seed,
        operations=asked,
        tenants=access.tenants,
        admin_token=access.admin_token,
        bulk_size=load.traffic.sessions_per_bulk,
        in_flight_max=load.places,
        lag_p99_s=load.objective.lag_p99.total_seconds(),
        window_s=max(1.0, round(duration_s / 120)),
    )


def profile(load: Load) -> tuple[Stretch, ...]:
    """The rate over time; a stage of k6 goes from where the one before it ended."""
    rates = load.rates_per_s
    return tuple(
        Stretch(length_s, before, after)
        for length_s, before, after in zip(load.lengths_s, rates[:-1], rates[1:], strict=True)
    )


def operations(traffic: Traffic) -> tuple[Operation, ...]:
    """What is asked for; those with a weight of 0 are left out."""
    tenant, admin = Credential.TENANT, Credential.ADMIN
    known: tuple[tuple[float, str, Method, str, Body, Credential], ...] = (
        (traffic.submit, "submit", "POST", "/v1/sessions", Body.SUBMISSION, tenant),
        (traffic.submit_bulk, "submit_bulk", "POST", "/v1/sessions/bulk", Body.BULK, tenant),
        (traffic.read_session, "read_session", "GET", "/v1/sessions/{session}", Body.NONE, tenant),
        (traffic.list_sessions, "list_sessions", "GET", "/v1/sessions?limit=20", Body.NONE, tenant),
        (traffic.statistics, "statistics", "GET", "/v1/statistics", Body.NONE, tenant),
        (traffic.admin, "admin", "GET", "/admin/batch-monitoring", Body.NONE, admin),
    )
    return tuple(
        Operation(name=name, method=method, path=path, weight=weight, body=body, credential=credential)
        for weight, name, method, path, body, credential in known
        if weight
    )


def default_plan(host: str) -> LoadPlan:
    """The load of the smallest scenario, with keys from the environment; what has no key is left out.

    Raises `UsageError` when nothing is left.
    """
    scenario = load_scenario(BY_HAND)
    assert scenario.load is not None, "this scenario ships with a load"  # noqa: S101 (our own file)
    access = Access(
        host or HOST, tenants_of(os.environ.get(TENANT_KEYS, "")), os.environ.get(ADMIN_TOKEN, "")
    )
    usable = tuple(each for each in operations(scenario.load.traffic) if _has_key(each, access))
    if not usable:
        raise UsageError(
            "there is no key, so nothing can be asked",
            where=TENANT_KEYS,
            remedy="set it to 1:KEY,2:KEY (company and API key), or give a --plan",
        )
    return shaped(scenario.load, access, profile(scenario.load), usable)


def _has_key(operation: Operation, access: Access) -> bool:
    needed = {Credential.TENANT: bool(access.tenants), Credential.ADMIN: bool(access.admin_token)}
    return needed.get(operation.credential, True)


def tenants_of(text: str) -> tuple[TenantKey, ...]:
    """`1:KEY,2:KEY`. Raises `UsageError` for anything else, without repeating a key."""
    return tuple(_tenant(pair.strip()) for pair in text.split(",") if pair.strip())


def _tenant(pair: str) -> TenantKey:
    company, colon, key = pair.partition(":")
    if not colon or not company.isdigit() or not key:
        raise UsageError("is no list of keys", where=TENANT_KEYS, remedy="write 1:KEY,2:KEY")
    return TenantKey(company_id=int(company), key=key)
