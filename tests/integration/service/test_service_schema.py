"""A database that an older version made: said when the service starts, not when a stage first needs more."""

import pytest
from service_house import LIMITS
from sqlalchemy import URL, text

from claimbench.errors import UsageError
from claimbench.impl.service.database import check_schema, create_schema, service_engine


def test_tables_of_an_older_version_are_told_with_the_statements_that_mend_them(database: URL) -> None:
    engine = service_engine(database, LIMITS)
    try:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE ai_batch_request DROP incomplete_since, DROP answered"))
        with pytest.raises(UsageError) as told:
            create_schema(engine)

        assert "the tables are those of an older version" in str(told.value)
        statements = (
            "ALTER TABLE ai_batch_request ADD answered INTEGER; "
            "ALTER TABLE ai_batch_request ADD incomplete_since BIGINT"
        )
        assert str(told.value).endswith(f"add what they lack: {statements}")
        with engine.begin() as connection:
            connection.execute(text(statements))
        check_schema(engine)
    finally:
        engine.dispose()


def test_a_table_that_is_not_there_is_named(database: URL) -> None:
    engine = service_engine(database, LIMITS)
    try:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE message"))

        with pytest.raises(UsageError, match="the database lacks the tables message"):
            check_schema(engine)
    finally:
        engine.dispose()
