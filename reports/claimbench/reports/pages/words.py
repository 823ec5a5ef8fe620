"""The words of a workload on its pages: what its size counts, what a step and one run of all steps are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Nouns, as a workload says them. `size` and `steps` are plurals."""

    size: str
    step: str
    run: str

    def sized(self, size: int) -> str:
        """`50 companies`."""
        return f"{size:,} {self.size}"


BATCH_PIPELINE = Words(size="companies", step="stage", run="scheduler run")


def words_of(record: object) -> Words:  # noqa: ARG001 (records do not carry their words yet)
    """The words of the workload that a record is of; the one place that knows."""
    return BATCH_PIPELINE
