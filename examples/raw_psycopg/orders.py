"""Listings of orders with psycopg alone, no ORM and no pool."""

import psycopg


def add_orders(url: str, n: int) -> None:
    """Add n orders, each of a customer of its own."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS customer (id bigserial PRIMARY KEY, name text NOT NULL)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS customer_order (id bigserial PRIMARY KEY, customer_id bigint)"
        )
        connection.execute(
            "WITH made AS (INSERT INTO customer (name) SELECT 'customer ' || n FROM generate_series(1, %s) n "
            "RETURNING id) INSERT INTO customer_order (customer_id) SELECT id FROM made",
            [n],
        )


def one_by_one(url: str) -> list[str]:
    """A query for each order."""
    names = []
    with psycopg.connect(url) as connection:
        for (customer,) in connection.execute(
            "SELECT customer_id FROM customer_order ORDER BY id"
        ).fetchall():
            found = connection.execute("SELECT name FROM customer WHERE id = %s", [customer]).fetchone()
            names.append(found[0] if found else "")
    return names


def at_once(url: str) -> list[str]:
    """One query for all orders."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT c.name FROM customer_order o JOIN customer c ON c.id = o.customer_id ORDER BY o.id"
        )
        return [name for (name,) in rows]


def at_once_but_five(url: str) -> list[str]:
    """One query, and a limit that does not belong there."""
    return at_once(url)[:5]
