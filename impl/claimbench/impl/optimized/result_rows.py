"""Result lines read straight into the rows that are staged; nearly all are alike, and read by a short way."""

import orjson

from claimbench.impl.jsonl import result_line
from claimbench.impl.lifecycle import outcome_of_line
from claimbench.impl.optimized.settling import Settlement, settlement, staged
from claimbench.impl.prices import PriceFactor, cost_micros
from claimbench.impl.prompts import ANSWER_KEYS, SENTIMENTS
from claimbench.impl.result_files import EndedBatch
from claimbench.impl.statuses import ProcessingType, RequestStatus

_KEYS = {kind.value.lower(): ANSWER_KEYS[kind] for kind in ProcessingType}


def settlement_of_line(raw: bytes, batch: EndedBatch) -> tuple[int, Settlement]:
    """A request and what the line says becomes of it; LineError when it is no result line."""
    row = usual_settlement(raw, batch)
    if row is None:
        line = result_line(raw)
        row = settlement(line.custom_id.request_id, batch.id, outcome_of_line(line, batch.model))
    return row[0], row


def staged_line(raw: bytes, batch: EndedBatch) -> tuple[int, bytes]:
    """As `settlement_of_line`, as the row of COPY that is staged."""
    request_id, row = settlement_of_line(raw, batch)
    return request_id, staged(row)


def usual_settlement(raw: bytes, batch: EndedBatch) -> Settlement | None:
    """The row of a line that was answered with the JSON that was asked for; None for every other one."""
    try:
        line = orjson.loads(raw)
        name, _, number = line["custom_id"].rpartition("-")
        request_id, response = int(number), line["response"]
        body = response["body"]
        given, made = body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]
        said = orjson.loads(body["choices"][0]["message"]["content"])
        fields = {key: said[key] for key in _KEYS[name]}
        if not (
            line["error"] is None
            and type(response["status_code"]) is type(given) is type(made) is int
            and response["status_code"] == 200
            and str(request_id) == number
            and 0 <= request_id < 2**63
            and 0 <= given < 2**31 > made >= 0
            and fields.get("sentiment", "NEUTRAL") in SENTIMENTS
            and all(type(text) is str and text.strip() and "\0" not in text for text in fields.values())
        ):
            return None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return (
        request_id,
        batch.id,
        RequestStatus.PROCESSING_COMPLETE.value,
        None,
        given,
        made,
        cost_micros(batch.model, PriceFactor.BATCH, given, made),
        fields.get("sentiment"),
        fields.get("category"),
        fields.get("summary"),
        fields.get("language"),
        1,
    )
