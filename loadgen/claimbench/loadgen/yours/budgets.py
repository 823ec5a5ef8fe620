"""A test's call held to budgets, and what it repeats."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from claimbench.loadgen.yours.baseline import KnownFindings
from claimbench.loadgen.yours.calling import NOTHING_SEEN, SEEN
from claimbench.loadgen.yours.watching import CallWatch, Seen, SentStatement

REPEATED = 5
"""From so many times on, one statement from one line in one test is a finding, where they are collected."""


@contextmanager
def call_judged(
    test: str, budgets: Mapping[str, float], findings: KnownFindings | None
) -> Iterator[list[str]]:
    """Watch one test's call; what there is to tell of it is in the list at the end."""
    told: list[str] = []
    with CallWatch().running() as watch:
        watch.lap()
        yield told
        seen = watch.lap()
        told.append(_judged(seen, watch.connections, budgets, test, findings))


def _judged(
    seen: Seen, connections: int, budgets: Mapping[str, float], test: str, findings: KnownFindings | None
) -> str:
    """What to tell of a call that needs more than its budgets, or repeats what no baseline knows."""
    if budgets and not connections:
        return f"claimbench: {NOTHING_SEEN}; {SEEN}"
    over = {name: most for name, most in budgets.items() if seen.counts.of(name) > most}
    often = (
        [each for each in seen.sent if each.count >= REPEATED and each.place] if findings is not None else []
    )
    keys = tuple(key_of(each) for each in often) or tuple(f"max_{name}" for name in over)
    refused = findings.refuse(test, keys) if findings is not None else []
    if not keys or refused is None:
        return ""
    lines: list[str] = [
        f"{seen.counts.of(name)} {name.replace('_', ' ')}, at most {most:g} allowed"
        for name, most in over.items()
    ]
    for sent in often or seen.sent[:REPEATED]:
        lines.append(f"  {sent.count} times  {sent.text[:160]}")
        lines += [f"    sent by {sent.place}"] if sent.place else []
        if sent.count > 1 and sent.cause.remedy:
            lines.append(f"    loads {sent.cause.relationship}; likely remedy: {sent.cause.remedy}")
        if sent.unread_rows:
            lines.append(f"    {sent.unread_rows} rows were fetched and not used")
    return "\n".join([*lines, *refused])


def key_of(sent: SentStatement) -> str:
    """A finding's name in a baseline: where it is sent, without the line's number, and the text."""
    place, _, function = sent.place.partition(" in ")
    return f"{place.rpartition(':')[0]} in {function}: {sent.text}"
