"""The document's four environment variables, read once into a frozen value; nothing else is accepted."""

from collections.abc import Mapping
from dataclasses import dataclass

from claimbench.errors import UsageError

ACCEPTED = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the integrated pipeline may use. All on: optimized, in sets, in parallel, with fallback."""

    batch_optimization: bool = True
    batch_operations: bool = True
    parallel_processing: bool = True
    fallback_on_errors: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Flags":
        """The variables as they are set; a UsageError names the one whose value is neither true nor false."""
        return cls(**{name: _flag(environment, variable) for name, variable in VARIABLES.items()})


VARIABLES = {
    "batch_optimization": "ENABLE_BATCH_OPTIMIZATION",
    "batch_operations": "ENABLE_BATCH_OPERATIONS",
    "parallel_processing": "ENABLE_PARALLEL_PROCESSING",
    "fallback_on_errors": "FALLBACK_ON_ERRORS",
}


def _flag(environment: Mapping[str, str], variable: str) -> bool:
    text = environment.get(variable, "true")
    try:
        return ACCEPTED[text.strip().lower()]
    except KeyError:
        raise UsageError(
            f"{text!r} is neither true nor false", where=variable, remedy="write true or false, or unset it"
        ) from None
