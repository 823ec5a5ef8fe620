"""A state folder keeps files and batches over a restart: nothing lost, nothing twice."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.state import StateFolder, StateOf

OWNER = StateOf(1, "none")
FAULTS = """
[[fault]]
kind = "line_error"
match = "message 3"
status = 400
[[fault]]
kind = "expire"
nth = [2]
share = 0.3
"""


@contextmanager
def server(open_api: Callable[..., Any], path: Path, now: float, **options: Any) -> Iterator[Any]:
    """A fake on a state folder, which ends as if it were killed: only the folder is let go of."""
    state = StateFolder(path, OWNER)
    api = open_api(state=state, **options)
    api.now = now
    yield api
    state.close()


def ten(api: Any) -> list[bytes]:
    return [api.line(number) for number in range(10)]


def everything(api: Any) -> dict[str, Any]:
    """All that a client can see."""
    batches = api.call("GET", "/batches?limit=100").json["data"]
    files = api.call("GET", "/files").json["data"]
    contents = {file["id"]: api.content(file["id"]).content for file in files}
    return {"batches": batches, "files": files, "contents": contents}


def test_all_that_was_there_is_there_after_a_restart_byte_for_byte(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    with server(open_api, tmp_path, 1e9, faults=FAULTS, failed_line_rate=0.2) as api:
        api.ended(*ten(api))
        api.batch_of(*ten(api))
        cancelled = api.batch_of(*ten(api))
        api.now += 60
        api.call("POST", f"/batches/{cancelled['id']}/cancel")
        api.call("POST", "/chat/completions", api.body(1))
        api.create("file-nowhere")
        api.now += 90_000
        before, now = everything(api), api.now
    with server(open_api, tmp_path, now) as api:
        after = everything(api)

    assert [batch["status"] for batch in before["batches"]] == ["failed", "cancelled", "expired", "completed"]
    assert after == before


def test_an_open_batch_goes_on_where_it_was(open_api: Callable[..., Any], tmp_path: Path) -> None:
    with server(open_api, tmp_path, 1e9) as api:
        batch = api.batch_of(*ten(api))
    with server(open_api, tmp_path, 1e9 + 60) as api:
        in_between = api.retrieve(batch)
        api.now += 400
        ended = api.retrieve(batch)
        results = api.results(ended)

    assert (in_between["status"], ended["status"]) == ("in_progress", "completed")
    assert sorted(one["custom_id"] for one in results) == sorted(f"request-{n}" for n in range(10))


def test_what_was_asked_before_counts_as_an_attempt_after(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    whole = open_api(failed_line_rate=0.5)
    expected = [whole.call("POST", "/chat/completions", whole.body(1)).status for _ in range(12)]
    found = []
    for _ in range(3):
        with server(open_api, tmp_path, 1e9, failed_line_rate=0.5) as api:
            found += [api.call("POST", "/chat/completions", api.body(1)).status for _ in range(4)]

    assert found == expected
    assert len(set(found)) > 1


def test_new_files_and_batches_get_identifiers_of_their_own(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    seen = []
    for _ in range(3):
        with server(open_api, tmp_path, 1e9) as api:
            batch = api.batch_of(*ten(api))
            seen += [batch["id"], batch["input_file_id"]]

    assert len(set(seen)) == 6


def test_what_was_deleted_stays_deleted(open_api: Callable[..., Any], tmp_path: Path) -> None:
    with server(open_api, tmp_path, 1e9) as api:
        unused, used = api.upload(api.line()).json["id"], api.upload(api.line()).json["id"]
        batch = api.create(used).json
        for file_id in (unused, used):
            api.call("DELETE", f"/files/{file_id}")
    with server(open_api, tmp_path, 1e9 + 400) as api:
        statuses = [api.call("GET", f"/files/{file_id}").status for file_id in (unused, used)]
        results = api.results(api.retrieve(batch))

    assert statuses == [404, 404]
    assert len(results) == 1


def test_a_record_that_was_cut_off_and_a_stray_upload_are_cleared_away(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    with server(open_api, tmp_path, 1e9) as api:
        kept = api.upload(api.line()).json["id"]
    with (tmp_path / "state.jsonl").open("ab") as log:
        log.write(b'{"file": "file-half')
    (tmp_path / "files" / "99").write_bytes(b"half")
    with server(open_api, tmp_path, 1e9) as api:
        files = api.call("GET", "/files").json["data"]
        api.upload(api.line())
    with server(open_api, tmp_path, 1e9) as api:
        later = api.call("GET", "/files").json["data"]

    assert [file["id"] for file in files] == [kept]
    assert len(later) == 2
    assert not (tmp_path / "files" / "99").exists()


def test_a_state_in_use_is_refused_until_it_is_free(tmp_path: Path) -> None:
    first = StateFolder(tmp_path, OWNER)
    with pytest.raises(UsageError, match="another server uses this state"):
        StateFolder(tmp_path, OWNER)
    first.close()

    StateFolder(tmp_path, OWNER).close()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"version": 99, "seed": 1, "fixtures": "none", "salt": "x"}, "version 99"),
        ({"version": 1, "seed": 2, "fixtures": "none", "salt": "x"}, "another seed"),
        ({"version": 1, "seed": 1, "fixtures": "others", "salt": "x"}, "other fixtures|another fixtures"),
        ({"something": "else"}, "no state folder"),
        ([], "no state folder"),
    ],
)
def test_a_state_of_another_kind_is_refused_and_let_go_of(tmp_path: Path, head: Any, words: str) -> None:
    (tmp_path / "state.jsonl").write_bytes(json.dumps(head).encode() + b"\n")
    for _ in range(2):
        with pytest.raises(UsageError, match=words):
            StateFolder(tmp_path, OWNER)


def test_a_record_that_is_damaged_is_named_and_the_folder_let_go_of(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    with server(open_api, tmp_path, 1e9) as api:
        api.upload(api.line())
    with (tmp_path / "state.jsonl").open("ab") as log:
        log.write(b'{"batch": "batch_half"}\n')
    for _ in range(2):
        with pytest.raises(UsageError, match=r"state\.jsonl: its line 3 is damaged"):
            open_api(state=StateFolder(tmp_path, OWNER))


def test_a_state_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        StateFolder(tmp_path / "file", OWNER)


def test_old_files_make_room_once_their_results_were_fetched(open_api: Callable[..., Any]) -> None:
    api = open_api(limits=Limits(stored_bytes=30_000))
    ended = []
    for _ in range(8):
        ended.append(api.ended(*(api.line(number) for number in range(20))))
        api.results(ended[-1])
    files = api.call("GET", "/files").json["data"]
    folder = api.fake._folder._path
    stored = sum(os.path.getsize(folder / name) for name in os.listdir(folder))  # noqa: PTH202, PTH208 (short)

    assert stored <= 30_000 + 40_000
    assert api.call("GET", f"/files/{ended[0]['input_file_id']}").status == 404
    assert len(api.results(ended[-1])) == 20
    assert len(files) < 16


def test_results_that_made_room_are_written_again(open_api: Callable[..., Any]) -> None:
    api = open_api(limits=Limits(stored_bytes=60_000))
    first = api.ended(*(api.line(number) for number in range(20)))
    ids = [first["output_file_id"]]
    ids += [api.ended(*(api.line(number) for number in range(20)))["output_file_id"] for _ in range(3)]
    contents = [api.content(file_id).content for file_id in ids[1:]]

    assert [api.content(file_id).content for file_id in ids[1:]] == contents
