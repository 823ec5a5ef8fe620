"""What a scenario must fulfil beyond its types: each complaint names the key and the way out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from claimbench.scenarios import metrics
from claimbench.scenarios.grammar import AtLeast, CountChange, Used, duration_text, suggestion
from claimbench.scenarios.model import ArmRole, BatchScenario, Claim, Scenario


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with which key, and what to do about it."""

    key: str
    what: str
    remedy: str


def complaints(scenario: Scenario) -> Iterator[Complaint]:
    """Everything unsound, the first thing first."""
    for check in (_arms, _network, _sizes, _dataset, _clock, _duplicates):
        yield from check(scenario)
    for position, claim in enumerate(scenario.claims):
        yield from _claim(claim, f"claims[{position}]")
        if isinstance(scenario, BatchScenario):
            yield from _stage(claim, f"claims[{position}]")


def _arms(scenario: Scenario) -> Iterator[Complaint]:
    for role in ArmRole:
        names = [arm.name for arm in scenario.arms if arm.role is role]
        if len(names) != 1:
            found = f"{len(names)} arms ({', '.join(names)})" if names else "no arm"
            yield Complaint(
                "arms",
                f"{found} with role {role.value!r}",
                "give the role to exactly one arm, so claims compare two",
            )
    for position, arm in enumerate(scenario.arms):
        if not arm.pipeline.strip() or arm.pipeline.count(":") > 1:
            yield Complaint(
                f"arms[{position}].pipeline",
                f"{arm.pipeline!r} names no pipeline",
                "write a registered name or module:attribute",
            )


def _network(scenario: Scenario) -> Iterator[Complaint]:
    network = scenario.network
    listed = ", ".join(f"{rtt:g}" for rtt in network.rtt_ms)
    if network.judged_rtt_ms not in network.rtt_ms:
        yield Complaint(
            "network.judged_rtt_ms",
            f"{network.judged_rtt_ms:g} is not among rtt_ms ({listed or 'none'})",
            "add it to rtt_ms or judge at one that is measured",
        )
    yield from _twice("network.rtt_ms", [f"{rtt:g}" for rtt in network.rtt_ms])


def _sizes(scenario: Scenario) -> Iterator[Complaint]:
    workload = scenario.workload
    keys = {name: field.alias or name for name, field in type(workload).model_fields.items()}
    for name in ("blocks", "memory_blocks", "sizes"):
        if scenario.load is None and name not in workload.model_fields_set:
            yield Complaint(f"workload.{keys[name]}", "the key is missing", "add it to the file")
    for name in ("sizes", "memory_sizes"):
        yield from _twice(f"workload.{keys[name]}", [str(size) for size in getattr(workload, name)])
    if workload.shown_blocks and workload.shown_blocks > min(workload.blocks, workload.memory_blocks):
        yield Complaint(
            "workload.shown_blocks",
            f"{workload.shown_blocks} are more than blocks or memory_blocks",
            "take at most as many as for what is judged",
        )


LARGEST_DATASET = 100_000_000
"""Requests that a database can be seeded with within a day."""

LONGEST_CLOCK = timedelta(days=100 * 366)
"""What a simulated clock may go through."""


def _dataset(scenario: Scenario) -> Iterator[Complaint]:
    if not isinstance(scenario, BatchScenario):
        return
    dataset, workload = scenario.dataset, scenario.workload
    if dataset.characters_per_message.low < 1:
        yield Complaint(
            "dataset.characters_per_message", "a message of 0 characters says nothing", "start at 1 or more"
        )
    most = max((dataset.size, *workload.sizes, *workload.memory_sizes))
    requests = most * (dataset.requests_per_company + dataset.history_per_company)
    if requests > LARGEST_DATASET:
        yield Complaint(
            "dataset.requests_per_company",
            f"{most:,} companies make {requests:,} requests, and there may be {LARGEST_DATASET:,}",
            "lower it, the history or the companies",
        )


def _clock(scenario: Scenario) -> Iterator[Complaint]:
    workload = scenario.workload
    if workload.runs > LONGEST_CLOCK // workload.step:
        yield Complaint(
            "workload.runs",
            f"{workload.runs:,} runs, {duration_text(workload.step)} apart, take the clock beyond 100 years",
            f"take at most {LONGEST_CLOCK // workload.step:,}",
        )


def _duplicates(scenario: Scenario) -> Iterator[Complaint]:
    yield from _twice("arms", [arm.name for arm in scenario.arms])
    yield from _twice("claims", [claim.id for claim in scenario.claims])


def _twice(key: str, names: Sequence[str]) -> Iterator[Complaint]:
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Complaint(key, f"{name!r} is there {names.count(name)} times", "keep one, or rename the others")


def _claim(claim: Claim, key: str) -> Iterator[Complaint]:
    metric = metrics.definition(claim.metric)
    where = f"{key} ({claim.id})"
    if metric is None:
        known = [each.name for each in metrics.CATALOGUE]
        yield Complaint(
            f"{where}.metric", f"metric {claim.metric!r} is unknown", suggestion(claim.metric, known)
        )
        return
    wanted = _wanted_form(metric)
    if not wanted.fits(claim):
        yield Complaint(
            f"{where}.claimed",
            f"{str(claim.claimed)!r} cannot be said of {metric.name}",
            f"write {wanted.example}",
        )


def _stage(claim: Claim, key: str) -> Iterator[Complaint]:
    """Other workloads know their own steps, and say so when they are opened."""
    metric = metrics.definition(claim.metric)
    if metric is not None and claim.stage not in metric.stages:
        yield Complaint(
            f"{key} ({claim.id}).stage",
            f"{metric.name} has no stage {claim.stage!r}",
            suggestion(claim.stage, metric.stages),
        )


@dataclass(frozen=True, slots=True)
class _Form:
    fits: Callable[[Claim], bool]
    example: str


def _wanted_form(metric: metrics.MetricDefinition) -> _Form:
    if metric.unit == "flag":
        return _Form(lambda claim: isinstance(claim.claimed, Used), "'used'")
    if metric.unit == "ratio":
        return _Form(lambda claim: isinstance(claim.claimed, AtLeast), "a rate such as '>= 95 %'")
    if metric.unit == "count":
        return _Form(
            lambda claim: not isinstance(claim.claimed, Used | AtLeast),
            "a reduction such as '60..80 %' or a count such as 'N -> 1'",
        )
    return _Form(
        lambda claim: not isinstance(claim.claimed, Used | AtLeast | CountChange),
        "a reduction such as 'reduction 30..50 %'",
    )
