"""Named faults: what can go wrong on purpose, and when. `docs/faults.md` shows each one."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.routes import CALLS


class FaultScope(StrEnum):
    """What a fault befalls: a call of the API, a batch when it is created, or a line of a batch."""

    CALL = "call"
    BATCH = "batch"
    LINE = "line"


class FaultKind(StrEnum):
    """The names of the faults."""

    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    SLOW_BODY = "slow_body"
    SHORT_BODY = "short_body"
    TRUNCATED_DOWNLOAD = "truncated_download"
    CONTENT_BAD_GATEWAY = "content_bad_gateway"
    FILE_NOT_FOUND_AFTER_UPLOAD = "file_not_found_after_upload"
    VALIDATION_FAILURE = "validation_failure"
    SPEND_CAP = "spend_cap"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 (a fault's name)
    ALL_LINES_FAILED = "all_lines_failed"
    EXPIRE = "expire"
    CANCEL = "cancel"
    SLOW_BATCH = "slow_batch"
    LATE_OUTPUT_FILE_ID = "late_output_file_id"
    EMPTY_ERROR_FILE_ID = "empty_error_file_id"
    WRONG_COUNTS = "wrong_counts"
    LINE_ERROR = "line_error"
    STATUS_CODE_ZERO = "status_code_zero"
    INVALID_OUTPUT_LINE = "invalid_output_line"
    DUPLICATED_LINE = "duplicated_line"
    MISSING_LINE = "missing_line"
    ANSWER_NOT_JSON = "answer_not_json"
    ANSWER_OFF_SCHEMA = "answer_off_schema"
    ASCII_ANSWER = "ascii_answer"


_CALL = tuple(FaultKind)[: tuple(FaultKind).index(FaultKind.VALIDATION_FAILURE)]
_LINE = tuple(FaultKind)[tuple(FaultKind).index(FaultKind.LINE_ERROR) :]

_HOME = {
    FaultKind.TRUNCATED_DOWNLOAD: "files.content",
    FaultKind.CONTENT_BAD_GATEWAY: "files.content",
    FaultKind.FILE_NOT_FOUND_AFTER_UPLOAD: "files.create",
}
"""The one call that a fault is about, unless `on` says otherwise."""


def scope(kind: FaultKind) -> FaultScope:
    """What a fault of this kind befalls."""
    if kind in _CALL:
        return FaultScope.CALL
    return FaultScope.LINE if kind in _LINE else FaultScope.BATCH


class HiddenFrom(StrEnum):
    """Who does not find a file right after its upload: the batches made of it, or any caller."""

    BATCHES = "batches"
    EVERYONE = "everyone"


class Fault(BaseModel):
    """One fault and its triggers, which must all hold; without any it befalls everything in its scope.

    Triggers: `rate` is a share (0..1), decided by the seed; `nth` lists the calls of a name, the batches, or
    the lines of a batch that it befalls, counted from 1; `from_nth` is the first of them that it befalls;
    `match` is a regular expression searched in the call's path and body, in the batch's creating request, or
    in the input line. `on` names the calls of a
    call's fault, `batches.create` for instance; empty: all.

    Details: `status` (HTTP), `code` and `message` of an error; `seconds` of a delay, a window or a silence;
    `share` (0..1) of the lines or bytes that get through; `retry_after_s` for a rate limit (None: no such
    header); `hidden_from` for a file that cannot be found yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: FaultKind
    on: str = ""
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    nth: tuple[Annotated[int, Field(ge=1)], ...] = ()
    from_nth: Annotated[int, Field(ge=1)] | None = None
    match: str | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 500
    code: str | None = None
    message: str | None = None
    seconds: Annotated[float, Field(ge=0)] = 5.0
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    retry_after_s: Annotated[float, Field(ge=0)] | None = None
    hidden_from: HiddenFrom = HiddenFrom.BATCHES

    @field_validator("match")
    @classmethod
    def _compiles(cls, match: str | None) -> str | None:
        if match is not None:
            try:
                re.compile(match)
            except re.error as error:
                raise ValueError(f"is no regular expression: {error}") from error
        return match

    @model_validator(mode="after")
    def _names_calls(self) -> Self:
        if self.on and scope(self.kind) is not FaultScope.CALL:
            raise ValueError(f"'on' names calls, but {self.kind} befalls a {scope(self.kind)}")
        if self.on and self.on not in CALLS:
            raise ValueError(f"there is no call {self.on!r}; there are {', '.join(CALLS)}")
        return self

    @property
    def call_name(self) -> str:
        """The call that it befalls; empty for any."""
        return self.on or _HOME.get(self.kind, "")

    def befalls(self, number: int) -> bool:
        """Whether it befalls the call, batch or line of this number."""
        begun = self.from_nth is None or number >= self.from_nth
        return begun and (not self.nth or number in self.nth)

    def matches(self, text: bytes) -> bool:
        """Whether `match` is found in the text; it is when there is no `match`."""
        return self.match is None or re.search(self.match.encode(), text) is not None


class Faults(BaseModel):
    """All faults of a run, in order of precedence. In a file: one `[[fault]]` table each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: tuple[Fault, ...] = ()

    def of(self, wanted: FaultScope) -> tuple[Fault, ...]:
        """Those that befall the things of one scope."""
        return tuple(one for one in self.fault if scope(one.kind) is wanted)


NO_FAULTS = Faults()


def parse_faults(text: str, where: str) -> Faults:
    """Read faults from TOML. UsageError names the place, the fault's number and the key."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"this is not TOML: {error}", where=where, remedy="mend the file") from error
    return _checked(values, where)


def _checked(values: object, where: str) -> Faults:
    try:
        return Faults.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise UsageError(first["msg"], where=f"{where}: {key}", remedy="see docs/faults.md") from error


def load_faults(path: Path) -> Faults:
    """Read faults from a TOML file, or from JSON if its name ends so. UsageError names what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read ({error})", where=str(path), remedy="name a TOML file") from error
    if path.suffix != ".json":
        return parse_faults(text, str(path))
    try:
        return _checked(orjson.loads(text), str(path))
    except ValueError as error:
        raise UsageError(f"this is not JSON: {error}", where=str(path), remedy="mend the file") from error
