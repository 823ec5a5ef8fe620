"""How often the company cache hits."""

from claimbench.impl.events import Event, EventKind


class CacheUse:
    """An event sink that counts look-ups of the cache; the first one is the warm-up."""

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self._is_warm = False

    def __call__(self, event: Event) -> None:
        """Count a hit or a miss."""
        if event.kind not in (EventKind.CACHE_HIT, EventKind.CACHE_MISS):
            return
        if self._is_warm:
            self.hits += event.kind is EventKind.CACHE_HIT
            self.misses += event.kind is EventKind.CACHE_MISS
        self._is_warm = True

    @property
    def hit_rate(self) -> float | None:
        """Hits per look-up after the first; None for a pipeline that has no cache."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None
