"""Which faults befall what, and what they do to a call."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape

from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.faults import Fault, FaultKind, Faults, FaultScope, HiddenFrom
from claimbench.loadgen.fake_openai.limits import rate_limited
from claimbench.loadgen.fake_openai.wire import ApiResponse, Delivery, Loss, refusal_of


@dataclass(frozen=True, slots=True)
class ActiveFaults:
    """The faults that befall one call, batch or line; mostly none."""

    faults: tuple[Fault, ...] = ()

    def of(self, *kinds: FaultKind) -> Fault | None:
        """The first fault of one of these kinds."""
        return next((fault for fault in self.faults if fault.kind in kinds), None)


NONE_ACTIVE = ActiveFaults()


@dataclass(frozen=True, slots=True)
class Hidden:
    """Until when (Unix seconds) an uploaded file is not found by callers, and by batches."""

    from_callers: float = 0.0
    from_batches: float = 0.0


NOT_HIDDEN = Hidden()


class Triggers:
    """The faults of a run and the counters that their `nth` refers to. Callers hold the core's lock."""

    def __init__(self, faults: Faults, chance: Chance) -> None:
        self._calls = faults.of(FaultScope.CALL)
        self._batches = faults.of(FaultScope.BATCH)
        self._lines = faults.of(FaultScope.LINE)
        self._chance = chance
        self._counts: Counter[str] = Counter()

    def begin_batches_at(self, number: int) -> None:
        """Count batches on from this number."""
        self._counts["a batch"] = number

    @property
    def touch_calls(self) -> bool:
        """Whether any fault befalls calls."""
        return bool(self._calls)

    @property
    def touch_lines(self) -> bool:
        """Whether any fault befalls lines."""
        return bool(self._lines)

    def call(self, name: str, text: Callable[[], bytes]) -> ActiveFaults:
        """The faults of the next call of this name; `text` gives its path and body when asked."""
        if not self._calls:
            return NONE_ACTIVE
        self._counts[name] += 1
        number = self._counts[name]
        return ActiveFaults(
            tuple(
                fault
                for place, fault in enumerate(self._calls)
                if fault.call_name in ("", name)
                and fault.befalls(number)
                and self._drawn(fault, "call", place, name, number)
                and (fault.match is None or fault.matches(text()))
            )
        )

    def batch(self, text: bytes) -> ActiveFaults:
        """The faults of the next batch; `text` is the request that creates it."""
        self._counts["a batch"] += 1
        number = self._counts["a batch"]
        return ActiveFaults(
            tuple(
                fault
                for place, fault in enumerate(self._batches)
                if fault.befalls(number)
                and self._drawn(fault, "batch", place, number)
                and fault.matches(text)
            )
        )

    def line(self, digest: bytes, attempt: int, number: int, text: Callable[[], bytes]) -> ActiveFaults:
        """The faults of one request: the `number`-th line of its batch (0 outside a batch)."""
        return ActiveFaults(
            tuple(
                fault
                for place, fault in enumerate(self._lines)
                if fault.befalls(number)
                and self._drawn(fault, "line", place, digest.hex(), attempt)
                and (fault.match is None or fault.matches(text()))
            )
        )

    def _drawn(self, fault: Fault, *words: object) -> bool:
        return fault.rate is None or self._chance.share("fault", *words) < fault.rate


_LOST = {
    FaultKind.RESET_BEFORE: Loss.RESET,
    FaultKind.RESET_AFTER: Loss.RESET,
    FaultKind.TIMEOUT_BEFORE: Loss.TIMEOUT,
    FaultKind.TIMEOUT_AFTER: Loss.TIMEOUT,
}


def before_effect(active: ActiveFaults) -> ApiResponse | None:
    """The response to a call that comes to nothing; None when it may have its effect."""
    fault = active.of(
        FaultKind.RESET_BEFORE,
        FaultKind.TIMEOUT_BEFORE,
        FaultKind.RATE_LIMIT,
        FaultKind.SERVER_ERROR,
        FaultKind.CONTENT_BAD_GATEWAY,
    )
    if fault is None:
        return None
    if fault.kind in _LOST:
        return lost(fault)
    if fault.kind is FaultKind.RATE_LIMIT:
        message = fault.message or "Rate limit reached for requests."
        return rate_limited(message, fault.retry_after_s, fault.code).response()
    if fault.kind is FaultKind.CONTENT_BAD_GATEWAY:
        told = escape(fault.message or "502 Bad Gateway")
        page = f"<html><head><title>502 Bad Gateway</title></head><body>{told}</body></html>"
        return ApiResponse(502, {"content-type": "text/html"}, page.encode())
    return replace(refusal_of(fault.status, fault.code, fault.message), headers={}).response()


def after_effect(active: ActiveFaults, response: ApiResponse) -> ApiResponse:
    """The response of a call that had its effect, as the faults let it through."""
    gone = active.of(FaultKind.RESET_AFTER, FaultKind.TIMEOUT_AFTER)
    if gone is not None:
        return lost(gone)
    delivery = response.delivery
    if slow := active.of(FaultKind.SLOW_BODY):
        delivery = replace(delivery, chunk_delay_s=slow.seconds)
    if cut := active.of(FaultKind.TRUNCATED_DOWNLOAD):
        delivery = replace(delivery, sent_share=cut.share)
    if short := active.of(FaultKind.SHORT_BODY):
        response = shortened(response, short.share)
    return replace(response, delivery=delivery)


def shortened(response: ApiResponse, share: float) -> ApiResponse:
    """The response with the beginning of its body only, whose length is told correctly."""
    if isinstance(response.body, bytes):
        return replace(response, body=response.body[: int(len(response.body) * share)])
    if response.content_length is None:
        return shortened(replace(response, body=b"".join(response.body)), share)
    length = int(response.content_length * share)
    return replace(response, body=_first(response.body, length), content_length=length)


def _first(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for chunk in chunks:
        if length <= 0:
            return
        yield chunk[:length]
        length -= len(chunk)


def lost(fault: Fault) -> ApiResponse:
    """A response that never arrives."""
    loss = _LOST[fault.kind]
    return ApiResponse(504, delivery=Delivery(loss, fault.seconds if loss is Loss.TIMEOUT else 0.0))


def hidden(active: ActiveFaults, now: float) -> Hidden:
    """From when on an uploaded file can be found."""
    fault = active.of(FaultKind.FILE_NOT_FOUND_AFTER_UPLOAD)
    if fault is None:
        return NOT_HIDDEN
    until = now + fault.seconds
    return Hidden(until if fault.hidden_from is HiddenFrom.EVERYONE else 0.0, until)
