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
    micros = cost_micros(model, channel, prompt_tokens, completion_tokens)
    return None if micros is None else usd(micros)


def usd(micros: int) -> Decimal:
    """Millionths of a dollar as dollars, to six places."""
    return Decimal(micros).scaleb(-6)


def cost_micros(model: str, channel: PriceFactor, prompt_tokens: int, completion_tokens: int) -> int | None:
    """The cost in millionths of a dollar, rounded; None as with `cost_usd`."""
    rates = RATES[channel].get(model)
    if rates is None:
        return None
    return rounded_micros(rates[0] * prompt_tokens + rates[1] * completion_tokens)


def rounded_micros(thousandths: int) -> int:
    """Thousandths of a millionth of a dollar in millionths, rounded half to even as `Decimal` does."""
    whole, rest = divmod(thousandths, 1000)
    return whole + (rest > 500 or (rest == 500 and whole & 1))


RATES = {
    channel: {
        model: (int(1000 * price.prompt * channel.value), int(1000 * price.completion * channel.value))
        for model, price in PRICES.items()
    }
    for channel in PriceFactor
}
"""Thousandths of a millionth of a dollar for a token of a prompt and for one of an answer."""
