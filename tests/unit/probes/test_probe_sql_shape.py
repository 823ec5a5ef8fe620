import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimbench.loadgen.probes.sql_shape import Kind, Shape, shapes

REQUEST = "ai_processing_request"


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT id FROM company WHERE status = 'ACTIVE'", "company"),
        ("select c.id from public.company as c join session s on s.company_id = c.id", "company"),
        ('SELECT * FROM "company"', "company"),
        ("SELECT count(*) FROM ONLY company", "company"),
        ("SELECT (SELECT max(id) FROM message) AS m FROM session", "session"),
        ("SELECT extract(hour FROM requested_at) FROM ai_processing_request", REQUEST),
        ("SELECT a IS DISTINCT FROM b FROM company", "company"),
        ("SELECT a IS NOT DISTINCT FROM b, 'FROM message' FROM company -- FROM session", "company"),
        ("/* FROM x /* nested */ */ SELECT 1 FROM company", "company"),
        ("SELECT $tag$ FROM message $tag$ FROM company", "company"),
        ("SELECT E'it\\'s FROM message' FROM company", "company"),
        ("(SELECT id FROM company) UNION ALL SELECT id FROM session", "company"),
        ("SELECT * FROM (SELECT * FROM company WHERE id = 1) AS sub", "company"),
        ("SELECT * FROM (company JOIN session ON true)", "company"),
        ("WITH a AS (SELECT 1 FROM message), b AS (SELECT * FROM company) SELECT * FROM b, a", "company"),
        ("WITH a AS MATERIALIZED (SELECT * FROM company) SELECT * FROM a JOIN session s ON true", "company"),
        ("WITH a(x) AS NOT MATERIALIZED (SELECT id FROM company), b AS (SELECT * FROM a) TABLE b", "company"),
        ("WITH a AS (UPDATE ai_processing_request SET error = '' RETURNING id) SELECT * FROM a", REQUEST),
        ("WITH RECURSIVE t AS (SELECT 1 FROM company UNION SELECT 1 FROM t) SELECT * FROM t", "company"),
        ("SELECT * FROM unnest($1::bigint[]) AS k(id) JOIN ai_processing_request r USING (id)", REQUEST),
        ("SELECT * FROM (VALUES (1), (2)) AS v(i), company", "company"),
        ("SELECT * FROM pg_catalog.generate_series(1, 3) g, LATERAL (SELECT * FROM company) c", "company"),
        ("SELECT EXISTS (SELECT FROM company)", "company"),
        ("DECLARE c NO SCROLL CURSOR WITHOUT HOLD FOR SELECT id FROM company", "company"),
        ("COPY (SELECT id FROM company) TO STDOUT", "company"),
        ("COPY company TO STDOUT (FORMAT binary)", "company"),
        ("TABLE company", "company"),
        ("SELECT 1", None),
        ("VALUES (1)", None),
    ],
)
def test_a_query_is_a_lookup_of_its_driving_table(sql: str, table: str | None) -> None:
    assert shapes(sql) == (Shape(Kind.SELECT, table, is_lookup=True),)


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("INSERT INTO company (name) VALUES ($1) RETURNING id", Shape(Kind.INSERT, "company")),
        ("UPDATE company SET name = $1", Shape(Kind.UPDATE, "company")),
        ("DELETE FROM ONLY company WHERE id = 1", Shape(Kind.DELETE, "company")),
        ("MERGE INTO company USING session ON true WHEN MATCHED THEN DELETE", Shape(Kind.MERGE, "company")),
        ("COPY company (id) FROM STDIN", Shape(Kind.COPY, "company")),
        (
            "WITH c AS (SELECT id FROM session) INSERT INTO company SELECT * FROM c",
            Shape(Kind.INSERT, "company"),
        ),
        ("FETCH FORWARD 100 FROM c", Shape(Kind.OTHER)),
        ("SET LOCAL work_mem = '1MB'", Shape(Kind.OTHER)),
        ("BEGIN", Shape(Kind.TRANSACTION)),
        ("commit;", Shape(Kind.TRANSACTION)),
        ("ROLLBACK TO SAVEPOINT s", Shape(Kind.TRANSACTION)),
        ("RELEASE s", Shape(Kind.TRANSACTION)),
        ("DEALLOCATE ALL", Shape(Kind.HOUSEKEEPING)),
    ],
)
def test_what_is_no_query_is_no_lookup(sql: str, shape: Shape) -> None:
    assert shapes(sql) == (shape,)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ai_processing_request SET error = $1 WHERE id = $2 RETURNING id",
        (
            "WITH c AS (SELECT id FROM ai_processing_request FOR UPDATE SKIP LOCKED) "
            "UPDATE ai_processing_request r SET error = '' FROM c WHERE r.id = c.id RETURNING r.id"
        ),
    ],
)
def test_an_update_that_returns_rows_is_a_lookup_too(sql: str) -> None:
    assert shapes(sql) == (Shape(Kind.UPDATE, REQUEST, is_lookup=True),)


def test_a_returning_in_a_with_query_does_not_make_the_statement_return() -> None:
    sql = "WITH c AS (DELETE FROM message RETURNING id) UPDATE company SET name = '' FROM c"

    assert shapes(sql) == (Shape(Kind.UPDATE, "company"),)


def test_a_text_of_several_statements_is_each_of_them() -> None:
    found = shapes("BEGIN; SELECT ';' FROM company; ; COMMIT")

    assert [shape.kind for shape in found] == [Kind.TRANSACTION, Kind.SELECT, Kind.TRANSACTION]


def test_an_empty_text_is_no_statement() -> None:
    assert shapes(" -- nothing\n;") == ()


VOCABULARY = """
    select from with as ( ) , a . join update returning ; ' " $$ /* */ -- recursive for declare copy to table
    values materialized $1 only lateral into is not distinct
"""
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=80))
@example("with a as (select * from a) select * from a")
@example("with recursive a as (select * from b), b as (select * from a) select * from b")
@example("(" * 500)
def test_no_text_makes_the_reader_fail(sql: str) -> None:
    assert isinstance(shapes(sql), tuple)


@pytest.mark.parametrize(
    ("sql", "searched"),
    [
        (f"SELECT id FROM {REQUEST} JOIN session ON true WHERE company_id = $1 AND status = $2", {REQUEST}),
        (f"SELECT id FROM {REQUEST} WHERE (status = $1 OR (status = $2 AND claimed_at < $3))", {REQUEST}),
        (
            f"UPDATE t SET a = 1 WHERE id IN (SELECT id FROM {REQUEST} WHERE status = 'X') RETURNING id",
            {REQUEST},
        ),
        (
            f"WITH due AS (SELECT id FROM {REQUEST} WHERE status = 'X' FOR UPDATE) SELECT * FROM due",
            {REQUEST},
        ),
        (f"SELECT * FROM {REQUEST} WHERE id = $1 AND status = $2", set()),
        (f"SELECT * FROM {REQUEST} WHERE id = ANY ($1)", set()),
        (f"SELECT status FROM {REQUEST} WHERE batch_id = $1 ORDER BY status", set()),
        (f"SELECT id FROM {REQUEST} WHERE batch_id = ANY ($1) AND status = 'X'", set()),
        (f"SELECT id FROM {REQUEST} WHERE batch_id = $1 AND status = 'X'", set()),
        (f"SELECT r.id FROM {REQUEST} r, session s WHERE r.session_id = s.id AND r.status = 'X'", {REQUEST}),
        (f"SELECT * FROM {REQUEST} WHERE batch_id IN (SELECT id FROM batch WHERE status = 'X')", {"batch"}),
        (f"UPDATE {REQUEST} SET status = 'Y' FROM s WHERE {REQUEST}.id = s.id AND status = 'X'", set()),
    ],
)
def test_a_table_is_searched_when_rows_are_found_by_status_and_not_by_id(
    sql: str, searched: set[str]
) -> None:
    (shape,) = shapes(sql)

    assert shape.searched == searched


def test_a_table_that_keeps_a_query_has_looked_its_rows_up() -> None:
    (kept,) = shapes(
        "CREATE TEMP TABLE plan AS WITH waiting AS (SELECT id FROM ai_processing_request "
        "WHERE status = 'PENDING_BATCHING') SELECT id FROM waiting"
    )
    (plain,) = shapes("CREATE TABLE plan (id bigint)")
    (function,) = shapes("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")

    assert (kept.is_lookup, kept.searched) == (True, {"ai_processing_request"})
    assert (plain.kind, function.kind) == (Kind.OTHER, Kind.OTHER)
