"""What the faults of a call do to it: before it has an effect, and to its response afterwards."""

from dataclasses import replace

from claimbench.loadgen.fake_openai.faults import Fault, FaultKind
from claimbench.loadgen.fake_openai.outcomes import refusal_of
from claimbench.loadgen.fake_openai.rates import rate_limited
from claimbench.loadgen.fake_openai.triggers import Occasion
from claimbench.loadgen.fake_openai.wire import ApiResponse, Delivery, Loss

_LOST = {
    FaultKind.RESET_BEFORE: Loss.RESET,
    FaultKind.RESET_AFTER: Loss.RESET,
    FaultKind.TIMEOUT_BEFORE: Loss.TIMEOUT,
    FaultKind.TIMEOUT_AFTER: Loss.TIMEOUT,
}


def before_effect(occasion: Occasion) -> ApiResponse | None:
    """The response to a call that comes to nothing; None when it may have its effect."""
    fault = occasion.of(
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
        return rate_limited("Rate limit reached for requests.", fault.retry_after_s).response()
    if fault.kind is FaultKind.CONTENT_BAD_GATEWAY:
        page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
        return ApiResponse(502, {"content-type": "text/html"}, page)
    return replace(refusal_of(fault.status, fault.code), headers={}).response()


def after_effect(occasion: Occasion, response: ApiResponse) -> ApiResponse:
    """The response of a call that had its effect, as the faults let it through."""
    gone = occasion.of(FaultKind.RESET_AFTER, FaultKind.TIMEOUT_AFTER)
    if gone is not None:
        return lost(gone)
    delivery = response.delivery
    if slow := occasion.of(FaultKind.SLOW_BODY):
        delivery = replace(delivery, chunk_delay_s=slow.seconds)
    if cut := occasion.of(FaultKind.TRUNCATED_DOWNLOAD):
        delivery = replace(delivery, sent_share=cut.share)
    return replace(response, delivery=delivery)


def lost(fault: Fault) -> ApiResponse:
    """A response that never arrives."""
    loss = _LOST[fault.kind]
    return ApiResponse(504, delivery=Delivery(loss, fault.seconds if loss is Loss.TIMEOUT else 0.0))


def visible_from(occasion: Occasion, now: float) -> float:
    """From when on an uploaded file can be found."""
    fault = occasion.of(FaultKind.FILE_NOT_FOUND_AFTER_UPLOAD)
    return now + fault.seconds if fault else 0.0
