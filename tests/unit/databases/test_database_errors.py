import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url

from claimbench.errors import ClaimbenchError, ExitCode
from claimbench.loadgen.bench.databases.connecting import explained

URL = make_url("postgresql+psycopg://ann:secret@db.example/shop")


def explanation(error: psycopg.Error) -> ClaimbenchError:
    with pytest.raises(ClaimbenchError) as raised, explained(URL):
        raise error
    return raised.value


def test_a_full_disk_is_told_in_one_line_and_ends_with_exit_code_3() -> None:
    told = explanation(
        errors.DiskFull("could not extend file: No space left on device\nHINT: Check free space.")
    )

    assert told.exit_code is ExitCode.INCONCLUSIVE
    assert "the server's disk is full" in str(told)
    assert str(told).endswith("free space or take a smaller dataset")
    assert "\n" not in str(told)


@pytest.mark.parametrize(
    "error",
    [
        errors.AdminShutdown("terminating connection due to administrator command"),
        errors.ConnectionFailure("gone"),
        psycopg.OperationalError("server closed the connection unexpectedly"),
    ],
)
def test_a_lost_connection_is_told_and_ends_with_exit_code_3(error: psycopg.Error) -> None:
    told = explanation(error)

    assert told.exit_code is ExitCode.INCONCLUSIVE
    assert "the connection was lost" in str(told)


def test_a_missing_right_is_the_users_to_grant() -> None:
    told = explanation(errors.InsufficientPrivilege("permission denied to create database"))

    assert told.exit_code is ExitCode.USAGE
    assert "CREATEDB" in str(told)


def test_an_error_without_a_state_is_not_taken_for_a_lost_connection() -> None:
    assert "the server refused" in str(explanation(psycopg.ProgrammingError("the query has 0 placeholders")))


def test_a_password_in_the_drivers_own_words_is_hidden() -> None:
    told = explanation(psycopg.OperationalError('invalid connection option "secret"'))

    assert "secret" not in str(told)
