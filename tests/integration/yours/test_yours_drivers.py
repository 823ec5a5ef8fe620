"""Every driver, under whatever is on top of it: the same N+1 has the same counts, its line and its remedy."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import URL, ForeignKey, create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from claimbench.loadgen.yours.watching import CallWatch, Seen

psycopg_pool = pytest.importorskip("psycopg_pool")
LIST, ONE = "SELECT id FROM item ORDER BY id", "SELECT name FROM item WHERE id = {}"


class Model(DeclarativeBase): ...


class Item(Model):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    parent: Mapped["Item | None"] = relationship(remote_side="Item.id")


@pytest.fixture
def url(claimbench_database: URL) -> URL:
    """A database with three items, each with a parent of its own."""
    engine = create_engine(claimbench_database)
    Model.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add_all(
            Item(id=n, name=f"item {n}", parent_id=n + 3 if n < 4 else None) for n in range(6, 0, -1)
        )
    engine.dispose()
    return claimbench_database


def dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def with_psycopg(url: URL) -> None:
    with psycopg.connect(dsn(url)) as connection:
        for (number,) in connection.execute(LIST).fetchall()[:3]:
            connection.execute(ONE.format("%s"), [number]).fetchone()


def with_a_pool(url: URL) -> None:
    with psycopg_pool.ConnectionPool(dsn(url), min_size=1, max_size=1) as pool:
        with pool.connection() as connection:
            found = connection.execute(LIST).fetchall()
        with pool.connection() as connection:
            for (number,) in found[:3]:
                connection.execute(ONE.format("%s"), [number]).fetchone()


def with_an_async_pool(url: URL) -> None:
    async def listing() -> None:
        opened = psycopg_pool.AsyncConnectionPool(dsn(url), min_size=1, max_size=1, open=False)
        async with opened as pool, pool.connection() as connection:
            found = await (await connection.execute(LIST)).fetchall()
            for (number,) in found[:3]:
                await (await connection.execute(ONE.format("%s"), [number])).fetchone()

    asyncio.run(listing())


def with_psycopg2(url: URL) -> None:
    import psycopg2

    connection = psycopg2.connect(dsn(url))
    with connection, connection.cursor() as cursor:
        cursor.execute(LIST)
        for (number,) in cursor.fetchall()[:3]:
            cursor.execute(ONE.format("%s"), [number])
            cursor.fetchone()
    connection.close()


def with_asyncpg(url: URL) -> None:
    async def listing() -> None:
        import asyncpg

        connection = await asyncpg.connect(dsn(url))
        async with connection.transaction():
            for (number,) in (await connection.fetch(LIST))[:3]:
                await connection.fetchrow(ONE.format("$1"), number)
        await connection.close()

    asyncio.run(listing())


def with_sqlalchemy(url: URL, driver: str = "psycopg") -> None:
    engine = create_engine(url.set(drivername=f"postgresql+{driver}"))
    with Session(engine) as session, session.begin():
        for item in session.scalars(select(Item).where(Item.id < 4)):
            assert item.parent is not None
    engine.dispose()


def with_sqlalchemy_over_psycopg2(url: URL) -> None:
    with_sqlalchemy(url, "psycopg2")


def with_async_sqlalchemy(url: URL, driver: str = "psycopg") -> None:
    def listed(session: Session) -> None:
        for item in session.scalars(select(Item).where(Item.id < 4)):
            assert item.parent is not None

    async def listing() -> None:
        engine = create_async_engine(url.set(drivername=f"postgresql+{driver}"))
        async with AsyncSession(engine) as session, session.begin():
            await session.run_sync(listed)
        await engine.dispose()

    asyncio.run(listing())


def with_async_sqlalchemy_over_asyncpg(url: URL) -> None:
    with_async_sqlalchemy(url, "asyncpg")


def seen_of(listing: Callable[[URL], None], url: URL) -> Seen:
    """A second call: what a driver and an ORM ask at first is behind them."""
    with CallWatch().running() as watch:
        listing(url)
        watch.lap()
        listing(url)
        return watch.lap()


ALL = (
    *(with_psycopg, with_a_pool, with_an_async_pool, with_psycopg2, with_asyncpg),
    *(with_sqlalchemy, with_sqlalchemy_over_psycopg2),
    *(with_async_sqlalchemy, with_async_sqlalchemy_over_asyncpg),
)


@pytest.mark.parametrize("listing", ALL, ids=lambda each: each.__name__)
def test_an_n_plus_one_is_counted_and_told_with_its_line(url: URL, listing: Callable[[URL], None]) -> None:
    for name in ("psycopg2", "asyncpg"):
        if listing.__name__.endswith(name):
            pytest.importorskip(name)
    found = seen_of(listing, url)
    (one,) = [each for each in found.sent if "WHERE" in each.text and each.count == 3]

    assert sum(each.count for each in found.sent if "item" in each.text) == 4
    assert "test_yours_drivers.py:" in one.place
    assert one.place.endswith(("listed", "listing", listing.__name__, "with_sqlalchemy"))
    if "sqlalchemy" in listing.__name__:  # whose new engine has questions of its own
        assert one.cause.remedy == "selectinload(Item.parent)"
    else:
        assert (found.counts.statements, found.counts.rows) == (4, 9)


def copied_by_psycopg(url: URL) -> None:
    with psycopg.connect(dsn(url)) as connection:
        with connection.cursor().copy("COPY item TO STDOUT") as copy:
            assert len(list(copy)) == 6
        with connection.cursor().copy("COPY item (id, name) FROM STDIN") as copy:
            copy.write_row((7, "x"))


def copied_by_psycopg2(url: URL) -> None:
    import io

    import psycopg2

    connection = psycopg2.connect(dsn(url))
    with connection, connection.cursor() as cursor:
        cursor.copy_expert("COPY item TO STDOUT", io.StringIO())
        cursor.copy_expert("COPY item (id, name) FROM STDIN", io.StringIO("7\tx\n"))
    connection.close()


def copied_by_asyncpg(url: URL) -> None:
    async def copied() -> None:
        import io

        import asyncpg

        connection = await asyncpg.connect(dsn(url))
        async with connection.transaction():
            await connection.copy_from_table("item", output=io.BytesIO())
            await connection.copy_records_to_table("item", records=[(7, "x")], columns=["id", "name"])
        await connection.close()

    asyncio.run(copied())


@pytest.mark.parametrize("copied", [copied_by_psycopg, copied_by_psycopg2, copied_by_asyncpg])
def test_rows_of_copy_are_counted_whatever_libpq_calls_them(url: URL, copied: Callable[[URL], None]) -> None:
    pytest.importorskip(copied.__name__.removeprefix("copied_by_"))
    with CallWatch().running() as watch:
        watch.lap()
        copied(url)
        seen = watch.lap()

    assert seen.counts.rows >= 6  # asyncpg asks for types, too
    assert seen.rows_added == 1
    assert seen.counts.commits == 1


def test_what_an_arm_sends_after_it_was_watched_is_not_counted(url: URL) -> None:
    connection = psycopg.connect(dsn(url))
    with CallWatch().running() as watch:
        connection.execute("SELECT 1")
        before = watch.lap()
    connection.execute("SELECT 2")
    connection.close()

    assert before.counts.statements == 1
    assert watch.lap().counts.statements == 0


def test_a_text_that_only_asyncpg_prepares_is_its_own_round_trip(url: URL) -> None:
    pytest.importorskip("asyncpg")

    async def asked(times: int) -> None:
        import asyncpg

        connection = await asyncpg.connect(dsn(url))
        for number in range(times):
            await connection.fetchval("SELECT $1::int", number)
        await connection.close()

    with CallWatch().running() as watch:
        watch.lap()
        asyncio.run(asked(3))
        seen = watch.lap()

    assert (seen.counts.round_trips, seen.driver_round_trips, seen.counts.executions) == (3, 1, 3)
