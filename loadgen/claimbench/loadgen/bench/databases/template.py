"""A sealed database to clone from: its name, the hash of what it holds, and how much that is."""

from collections.abc import Mapping
from dataclasses import dataclass

from claimbench.reports.record.values import Scalar


@dataclass(frozen=True, slots=True)
class Template:
    """A sealed database. facts: what its recipe says of it, and `bytes`, its size on disk."""

    name: str
    digest: str
    facts: Mapping[str, Scalar]
    bytes: int
