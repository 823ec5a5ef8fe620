"""How long statements take, by kind: the verb and the first table, so that there are only a few kinds."""

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event

from claimbench.impl.schema import Base

QuerySink = Callable[[str, float], None]
"""Gets the kind of a statement and its seconds."""

_BEGAN = "claimbench_began"
_CHANGE = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)", re.IGNORECASE)
_READ = re.compile(r"\bFROM\s+([a-z_]+)", re.IGNORECASE)


def time_queries(engine: Engine, sink: QuerySink) -> None:
    """Tell the sink about each statement that the engine executes."""

    def before(connection: Connection, *_: Any) -> None:
        connection.info.setdefault(_BEGAN, []).append(time.perf_counter())

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        sink(statement_kind(statement), time.perf_counter() - connection.info[_BEGAN].pop())

    def failed(context: Any) -> None:
        if context.connection is not None and context.connection.info.get(_BEGAN):
            context.connection.info[_BEGAN].pop()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


@lru_cache(maxsize=1024)
def statement_kind(statement: str) -> str:
    """Such as `UPDATE session`; a statement on none of our tables is `other`."""
    changed = [
        f"{verb.split()[0].upper()} {table}"
        for verb, table in _CHANGE.findall(statement)
        if table in Base.metadata.tables
    ]
    if changed:
        return changed[0]
    read = [table for table in _READ.findall(statement) if table in Base.metadata.tables]
    return f"SELECT {read[0]}" if read else "other"
