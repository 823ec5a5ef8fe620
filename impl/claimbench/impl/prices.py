"""What tokens cost, in USD per million; the Batch API halves both (OpenAI's price list, 2026-11)."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    prompt: Decimal
    completion: Decimal


PRICES = {
    "gpt-4o": Price(Decimal("2.50"), Decimal("10.00")),
    "gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.60")),
    "gpt-4.1": Price(Decimal("2.00"), Decimal("8.00")),
    "gpt-4.1-mini": Price(Decimal("0.40"), Decimal("1.60")),
}


class PriceFactor(Enum):
    """How a request was sent, as the factor that it puts on the price."""

    BATCH = Decimal("0.5")
    ALONE = Decimal(1)


def cost_usd(model: str, channel: PriceFactor, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
    """The cost to six places; None for a model that is not in the list."""
    price = PRICES.get(model)
    if price is None:
        return None
    full = price.prompt * prompt_tokens + price.completion * completion_tokens
    return (full * channel.value / 1_000_000).quantize(Decimal("0.000001"))
