"""How much the service takes on, and for how long: everything that a caller could exhaust is bounded here."""

from dataclasses import dataclass

BODY_BYTES_MAX = 10_000_000
SESSIONS_PER_BULK_MAX = 500
MESSAGES_PER_SESSION_MAX = 500
CHARACTERS_PER_MESSAGE_MAX = 100_000
EXPORT_ROWS_MAX = 100_000
ID_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Times in seconds. `in_flight_max` counts requests that are being served or wait for a thread."""

    in_flight_max: int = 64
    connections: int = 16
    connection_wait_s: float = 3.0
    statement_s: float = 10.0
    headers_s: float = 10.0
    body_s: float = 20.0
    response_s: float = 30.0
    drain_s: float = 20.0
    body_bytes_max: int = BODY_BYTES_MAX
    retry_after_s: int = 1

    @property
    def threads(self) -> int:
        """As many as there are connections, and some for what needs none."""
        return self.connections + 4


DEFAULT_LIMITS = ServiceLimits()
