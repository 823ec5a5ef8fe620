"""The one tree of errors. Every room may import it; it imports nothing of ours."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; the README lists them for users."""

    OK = 0
    REFUTED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOTHING_TO_COMPARE = 4
    NOT_EQUIVALENT = 5
    FAULT = 70
    """A fault of claimbench itself, as sysexits.h has it: no verdict may be read from that."""


class ClaimbenchError(Exception):
    """Something that the user can act on: what happened, where, and what to do, in one line."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}; {remedy}")
        self.what, self.where, self.remedy = what, where, remedy


class UsageError(ClaimbenchError):
    """A flag, a file, a URL or an environment variable cannot be used as it is."""


class InvalidMeasurementError(ClaimbenchError):
    """The machine or the instruments were not fit to measure."""

    exit_code = ExitCode.INCONCLUSIVE


class ArmError(InvalidMeasurementError):
    """An arm did not come to its end, for an error of its own, which is the cause."""


class NothingToCompareError(ClaimbenchError):
    """A baseline is missing, empty, or of another scenario, dataset or schema."""

    exit_code = ExitCode.NOTHING_TO_COMPARE


class NotEquivalentError(ClaimbenchError):
    """The arms do not do the same work, so no speed may be published."""

    exit_code = ExitCode.NOT_EQUIVALENT
