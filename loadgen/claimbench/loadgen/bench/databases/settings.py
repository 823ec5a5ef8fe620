"""The settings of the servers that we start ourselves: durable as in production, and quiet while measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One server setting, as `postgres -c name=value` takes it."""

    name: str
    value: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The two command-line arguments that set it."""
        return ("-c", f"{self.name}={self.value}")


OWN_SERVER_SETTINGS = (
    # What a commit costs is part of what is measured, so nothing is made cheaper than in production.
    Setting("fsync", "on"),
    Setting("synchronous_commit", "on"),
    Setting("full_page_writes", "on"),
    # Background work would hit one arm and spare the other: none starts by itself. Templates are vacuumed
    # and analysed once, and the runner asks for a checkpoint before it measures.
    Setting("autovacuum", "off"),
    Setting("checkpoint_timeout", "1h"),
    Setting("max_wal_size", "4GB"),
    # The same plans on every build: some have no LLVM at all.
    Setting("jit", "off"),
    Setting("shared_buffers", "256MB"),
    Setting("max_connections", "200"),
    # The counting pass reads these.
    Setting("shared_preload_libraries", "pg_stat_statements"),
    Setting("pg_stat_statements.max", "10000"),
    Setting("pg_stat_statements.track", "top"),
    Setting("compute_query_id", "on"),
    Setting("track_io_timing", "on"),
)
"""Everything else is PostgreSQL's default; the report names what matters."""


def command_arguments() -> tuple[str, ...]:
    """All settings as arguments of one `postgres` command."""
    return tuple(argument for setting in OWN_SERVER_SETTINGS for argument in setting.arguments)
