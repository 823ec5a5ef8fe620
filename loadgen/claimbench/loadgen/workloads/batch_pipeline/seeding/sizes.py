"""How many requests each company has: Zipf's law in whole numbers, nobody with none, the total exact."""


def zipf_sizes(companies: int, total: int, skew: float) -> tuple[int, ...]:
    """Whole numbers, largest first, each at least 1, together `total`; proportional to 1/rank^skew.

    Every company gets one; the rest is dealt by largest remainder. Needs total >= companies.
    """
    if total < companies:
        raise ValueError(f"{total} requests cannot give each of {companies} companies one")
    weights = [(rank + 1) ** -skew for rank in range(companies)]
    scale = (total - companies) / sum(weights)
    shares = [weight * scale for weight in weights]
    floors = [int(share) for share in shares]
    left = total - companies - sum(floors)
    # Ties are broken by rank: the order of equal floats must not depend on anything else.
    by_remainder = sorted(range(companies), key=lambda rank: (floors[rank] - shares[rank], rank))
    for rank in by_remainder[:left]:
        floors[rank] += 1
    return tuple(sorted((1 + floor for floor in floors), reverse=True))


FAILED_PER_PENDING = 0.03
LARGE_COMPANY = 10
"""From this many pending requests on, a company always has a failed one."""


def failed_count(pending: int, chance: float) -> int:
    """How many failed requests a company has beside its pending ones; `chance` (0..1) rounds a small one."""
    expected = pending * FAILED_PER_PENDING
    if pending >= LARGE_COMPANY:
        return max(1, round(expected))
    return int(chance < expected)
