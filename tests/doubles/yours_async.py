"""Async tests of a user, under the plugin that the file's own name says; run by the test that reads them."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

pytestmark = getattr(pytest.mark, Path(__file__).stem.removeprefix("with_"))


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def opened(url) -> AsyncEngine:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE item (id bigserial PRIMARY KEY, name text)"))
    return engine


async def fill(engine: AsyncEngine, n: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO item (name) SELECT 'x' FROM generate_series(1, :n)"), {"n": n}
        )


async def at_once(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT name FROM item ORDER BY id")))


async def one_by_one(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        keys = list(await connection.scalars(text("SELECT id FROM item ORDER BY id")))
        one = text("SELECT name FROM item WHERE id = :key")
        return [(await connection.scalars(one, {"key": key})).one() for key in keys]


async def test_growth(claimbench, claimbench_database):
    engine = await opened(claimbench_database)
    await claimbench.assert_growth_async(
        populate=lambda n: fill(engine, n), run=lambda: one_by_one(engine), sizes=(2, 3)
    )


async def test_over_asyncpg(claimbench, claimbench_database):
    engine = await opened(claimbench_database.set(drivername="postgresql+asyncpg"))
    await claimbench.assert_growth_async(
        populate=lambda n: fill(engine, n), run=lambda: one_by_one(engine), sizes=(2, 3)
    )


async def test_right(claimbench, claimbench_database):
    engine = await opened(claimbench_database)
    await fill(engine, 3)
    await claimbench.assert_same_work_async(lambda: one_by_one(engine), lambda: at_once(engine))
    await claimbench.assert_growth_async(populate=lambda n: fill(engine, n), run=lambda: at_once(engine))
    await engine.dispose()


async def test_wrong(claimbench, claimbench_database):
    async def but_one() -> list[str]:
        return (await at_once(engine))[1:]

    engine = await opened(claimbench_database)
    await fill(engine, 3)
    await claimbench.assert_same_work_async(lambda: at_once(engine), but_one)


async def test_hangs(claimbench):
    await claimbench.assert_same_work_async(lambda: asyncio.sleep(30), lambda: None, within_s=0.2)


@pytest.mark.max_statements(2)
async def test_budget(claimbench_database):
    engine = await opened(claimbench_database)
    await fill(engine, 3)
    await one_by_one(engine)
