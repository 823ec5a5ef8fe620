"""What all workers shall do: one row that administrators change and every worker reads each second."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql

from claimbench.impl.schema import ServiceControl


@dataclass(frozen=True, slots=True)
class DesiredState:
    """`pipeline` None: each worker runs its own. A new `cache_epoch`: forget the cache."""

    paused: bool = False
    pipeline: str | None = None
    cache_epoch: int = 0


class Control:
    """Reads and changes the orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def read(self) -> DesiredState:
        """The orders as they are now."""
        query = select(ServiceControl.paused, ServiceControl.pipeline, ServiceControl.cache_epoch)
        with self._engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        return DesiredState(found.paused, found.pipeline, found.cache_epoch) if found else DesiredState()

    def pause(self) -> None:
        """Let every worker finish its stage and start no other."""
        self._change(paused=True)

    def resume(self) -> None:
        """Let every worker go on."""
        self._change(paused=False)

    def switch(self, pipeline: str) -> None:
        """Let every worker run this pipeline from its next stage on."""
        self._change(pipeline=pipeline)

    def invalidate_cache(self) -> None:
        """Let every worker forget its company cache."""
        with self._engine.connect() as connection:
            _ensure(connection)
            connection.execute(update(ServiceControl).values(cache_epoch=ServiceControl.cache_epoch + 1))

    def _change(self, **values: str | bool) -> None:
        with self._engine.connect() as connection:
            _ensure(connection)
            connection.execute(update(ServiceControl).values(**values))


def _ensure(connection: Connection) -> None:
    first = postgresql.insert(ServiceControl).values(id=1, paused=False, cache_epoch=0)
    connection.execute(first.on_conflict_do_nothing())
