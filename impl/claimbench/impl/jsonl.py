"""The lines of the Batch API's files: requests out, results in (shapes: the OpenAI Batch guide)."""

import json
from dataclasses import dataclass

from claimbench.impl.errors import LineError
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import ProcessingType

ENDPOINT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class CustomId:
    """What a line's `custom_id` says: which request it is, and what was asked."""

    request_id: int
    processing_type: ProcessingType

    def __str__(self) -> str:
        return f"{self.processing_type.value.lower()}-{self.request_id}"

    @classmethod
    def parse(cls, text: object) -> "CustomId":
        """The inverse of `str`; LineError for anything that `str` cannot have made."""
        if not isinstance(text, str):
            raise LineError("the custom_id is missing")
        name, _, number = text.rpartition("-")
        if not (number.isascii() and number.isdigit()):
            raise LineError(f"unknown custom_id {text[:60]!r}")
        try:
            parsed = cls(int(number), ProcessingType(name.upper()))
        except ValueError as error:
            raise LineError(f"unknown custom_id {text[:60]!r}") from error
        if str(parsed) != text or parsed.request_id >= 2**63:
            raise LineError(f"unknown custom_id {text[:60]!r}")
        return parsed


@dataclass(frozen=True, slots=True)
class BatchResultLine:
    """One line of an output or error file: an answer, or why there is none."""

    custom_id: CustomId
    content: str | None
    prompt_tokens: int
    completion_tokens: int
    status_code: int
    error_code: str | None
    error_message: str | None

    @property
    def answered(self) -> bool:
        """Whether the API did the work. The status decides, whatever file the line stood in."""
        return self.status_code == 200 and self.content is not None


def request_line(custom_id: CustomId, prompt: Prompt) -> bytes:
    """One line of an input file, with its line end."""
    line = {"custom_id": str(custom_id), "method": "POST", "url": ENDPOINT, "body": prompt.body()}
    # A lone surrogate has no UTF-8; the API would refuse the file, and with it everybody else's lines.
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def result_line(raw: bytes) -> BatchResultLine:
    """Read one line of an output or error file; LineError when it is not one."""
    try:
        line = json.loads(raw)
    except ValueError as error:
        raise LineError("the line is not JSON") from error
    if not isinstance(line, dict):
        raise LineError("the line is not a JSON object")
    custom_id = CustomId.parse(line.get("custom_id"))
    response, refused = _object(line.get("response")), _object(line.get("error"))
    body = _object(response.get("body"))
    refusal = refused or _object(body.get("error"))
    usage = _object(body.get("usage"))
    return BatchResultLine(
        custom_id=custom_id,
        content=_content(body),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        status_code=0 if refused else _count(response.get("status_code")),
        error_code=_text(refusal.get("code")),
        error_message=_text(refusal.get("message")),
    )


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _content(body: dict[str, object]) -> str | None:
    choices = body.get("choices")
    first = _object(choices[0]) if isinstance(choices, list) and choices else {}
    return _text(_object(first.get("message")).get("content"))


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
