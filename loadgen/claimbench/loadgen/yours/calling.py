"""How a user's functions are called, sync and async alike: what they do wrong is one line, and they end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from claimbench.errors import UsageError
from claimbench.loadgen.yours.time_limit import time_limit

WITHIN_S = 60
TAKES_LONG = "give within_s=, or look for a transaction that was left open and blocks it"
NOTHING_SEEN = "no connection of psycopg or asyncpg was seen, so nothing was counted"
SEEN = "call code that runs in this process, over psycopg 3, psycopg2 or asyncpg"

Result = TypeVar("Result")


async def called(what: Callable[[], Any], name: str, where: str, when: str = "") -> Any:
    """What it returns, awaited and read to its end where that is due. `UsageError` when it raises."""
    try:
        found = what()
        if isinstance(found, Awaitable):
            found = await found
        return [each async for each in found] if isinstance(found, AsyncIterator) else found
    except UsageError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UsageError(
            f"{name} failed{when}: {said[:300]}", where=where, remedy="call it by itself to see where"
        ) from error


def driven(calls: Coroutine[Any, Any, Result], what: str, where: str, within_s: float) -> Result:
    """Drive calls that wait for nothing to their end. `UsageError` when one is async after all, or hangs.

    what: the functions that are called, in words.
    """
    try:
        with time_limit(within_s, where, TAKES_LONG):
            calls.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    calls.close()
    raise UsageError(
        f"{what} is async",
        where=where,
        remedy=f"await claimbench.{where}_async(…) in an async test",
    )


async def awaited(calls: Coroutine[Any, Any, Result], where: str, within_s: float) -> Result:
    """Wait for calls, but not for ever."""
    try:
        async with asyncio.timeout(within_s):
            return await calls
    except TimeoutError:
        raise UsageError(f"took longer than {within_s:g} s", where=where, remedy=TAKES_LONG) from None
