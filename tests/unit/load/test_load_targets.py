"""Files of targets: what they say, and how a wrong one is refused."""

import re
from pathlib import Path

import pytest
from load_factory import facts

from claimbench.errors import ExitCode, UsageError
from claimbench.loadgen.load.arrivals import constant
from claimbench.loadgen.load.plan import LoadPlan, Operation, Task, resolved
from claimbench.loadgen.load.requests import Requests
from claimbench.loadgen.load.target_workflow import TargetsRequest
from claimbench.reports.judge.load import judge_targets
from claimbench.reports.pages.load import load_page
from claimbench.reports.render import markdown
from claimbench.scenarios.loader import holds_targets, load_targets
from claimbench.scenarios.targets import TargetsScenario

EXAMPLE = Path(__file__).parents[3] / "examples/foreign_service/load.toml"
GOOD = """
name = "shop"
headers = { X-Key = { env = "SHOP_KEY", prefix = "key " } }
[[targets]]
name = "old"
url = "http://127.0.0.1:8000"
[[targets]]
name = "new"
url = "https://localhost:8443/base/"
ca = "own.pem"
[login]
path = "/login"
json = { password = "{env:SHOP_PASSWORD}" }
[[requests]]
name = "order"
method = "POST"
path = "/orders/{pick:a b|a b}?page={int:1..1}"
headers = { x-key = "own" }
json = { amount = "{int:2..2}" }
expect = [201, 409]
[[requests]]
name = "search"
method = "POST"
path = "/search"
form = { q = "{words:2..2}" }
[load]
executor = "constant-arrival-rate"
rate = 10
duration = "1s"
[load.thresholds]
"response_time{arm:new,operation:order}" = ["p(95)<500"]
"ratio.response_time" = ["p(95)<0.9"]
"""


def scenario(folder: Path, text: str = GOOD) -> TargetsScenario:
    file = folder / "shop.toml"
    file.write_text(text)
    return load_targets(file)


def plan(folder: Path, target: int = 0) -> LoadPlan:
    request = TargetsRequest(scenario(folder), (), "")
    return request.plan(request.scenario.targets[target], constant(10, 1))


def test_a_file_of_targets_is_told_from_a_scenario(tmp_path: Path) -> None:
    scenario(tmp_path)

    assert holds_targets(tmp_path / "shop.toml")
    assert holds_targets(EXAMPLE)
    assert not holds_targets("load")


def test_the_file_that_the_docs_explain_is_one(tmp_path: Path) -> None:
    page = (EXAMPLE.parents[2] / "docs/load.md").read_text()
    text = next(
        block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[targets]]" in block
    )
    found = scenario(tmp_path, text)

    assert [each.name for each in found.targets] == ["old", "new"]
    assert found.login
    assert found.login.token == "access_token"


def test_both_targets_are_asked_the_same_by_one_arrival_plan(tmp_path: Path) -> None:
    old, new = plan(tmp_path, 0), plan(tmp_path, 1)

    assert (old.host, new.host) == ("http://127.0.0.1:8000", "https://localhost:8443/base")
    assert new.ca == str(tmp_path / "own.pem")
    assert old.model_copy(update={"host": new.host, "ca": new.ca}) == new


def test_a_request_is_drawn_from_its_templates(tmp_path: Path) -> None:
    ready = resolved(plan(tmp_path), {"SHOP_KEY": "k", "SHOP_PASSWORD": "p"}, "")
    order, search = (Requests(ready).of(Task(3, position, 0, 0.0)) for position in (0, 1))

    assert (order.method, order.path, order.body) == ("POST", "/orders/a%20b?page=1", '{"amount": 2}')
    assert [(each.name, each.value) for each in order.headers] == [
        ("x-key", "own"),
        ("Content-Type", "application/json"),
    ]
    assert [(each.name, each.value) for each in search.headers] == [
        ("X-Key", "key k"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    assert search.body
    assert search.body.startswith("q=")
    assert [order.is_answered_by(status) for status in (200, 201, 409)] == [False, True, True]
    assert [search.is_answered_by(status) for status in (204, 302, 404)] == [True, False, False]


def test_without_a_threshold_on_failures_the_objectives_is_held(tmp_path: Path) -> None:
    rules = [str(each) for each in scenario(tmp_path).load.thresholds]

    assert rules[-1] == "failed: rate<=0.01"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('path = "/login"', "", "login.path: the key is missing"),
        (
            "[login]",
            '[[targets]]\nname = "c"\nurl = "x"\n[login]',
            "targets: 3 entries, and there are at most 2",
        ),
        ("rate = 10", "rate = -1", "load.rate: "),
        ("rate = 10", "", "load: constant-arrival-rate needs rate and duration"),
        ('duration = "1s"', 'duration = "0s"', "load.duration: a duration must be longer than zero"),
        ("[load]", "[lod]", "lod: unknown key; did you mean 'load'"),
        ("expect = [", "expects = [", "requests[0].expects: unknown key; did you mean 'expect'"),
        ("expect = [201, 409]", "expect = [99]", "requests[0].expect[0]: "),
        ('name = "order"', 'name = "search"', "requests: 'search' is there twice"),
        ('name = "order"', 'name = "all"', "requests[0].name: 'all' stands for all requests"),
        ('name = "order"', 'name = "a\\u001b[2J"', "requests[0].name: a name has 1 to 60 signs"),
        ('name = "new"', 'name = "old"', "targets: 'old' is there twice"),
        ('method = "POST"\npath = "/orders', 'method = "SEND"\npath = "/orders', "requests[0].method: "),
        ('method = "POST"\npath = "/orders', 'path = "/orders', "requests[0]: GET carries no body"),
        ('path = "/search"', 'path = "search"', "requests[1].path: a path begins with /"),
        ('path = "/search"', 'path = "/a b"', "requests[1].path: a path begins with /"),
        ('path = "/search"', 'path = "/{session}"', "requests[1].path: no placeholder"),
        ('path = "/search"', 'path = "/?k={env:KEY}"', "requests[1].path: a path is written to logs"),
        ("form = {", 'text = "x"\nform = {', "requests[1]: there are form and text"),
        ('q = "{words', 'q = "{wrds', "requests[1].form.q: no placeholder"),
        ('x-key = "own"', '"x key" = "own"', "requests[0].headers.x key"),
        ('x-key = "own"', 'host = "own"', "the generator writes this header itself"),
        ('x-key = "own"', 'x-key = "a\\nb"', "requests[0].headers.x-key: a line break"),
        ('x-key = "own"', 'x-key = "a", X-KEY = "b"', "requests[0].headers: a header is there twice"),
        ('env = "SHOP_KEY"', "env = 3", 'headers.X-Key: write a text, or { env = "NAME" }'),
        ('env = "SHOP_KEY"', 'name = "SHOP_KEY"', 'headers.X-Key: write a text, or { env = "NAME" }'),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "targets[0].url: no address"),
        (
            "http://127.0.0.1:8000",
            "http://a:s3cret@127.0.0.1",
            "targets[0].url: it holds a user or a password",
        ),
        ("http://127.0.0.1:8000", "http://127.0.0.1/?k=s3cret", "targets[0].url: it goes on after its path"),
        ("[load.thresholds]", "[load.thresholds]\nend_to_end = ['p(95)<1']", "cannot be seen from outside"),
        ("[load.thresholds]", "[load.thresholds]\ncapacity = ['value>1']", "no capacity is looked for"),
        ("arm:new", "arm:nwe", "there is no target 'nwe'; did you mean 'new'"),
        ("operation:order", "operation:oder", "there is no request 'oder'; did you mean 'order'"),
        ("[load.thresholds]", "[load.pace]\n[load.thresholds]", "load.pace: is of Claimbench's own service"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_file_and_key(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as refused:
        scenario(tmp_path, GOOD.replace(old, new, 1))

    line = str(refused.value)
    assert (refused.value.exit_code, line.startswith(str(tmp_path / "shop.toml: "))) == (ExitCode.USAGE, True)
    assert told in line
    assert "\n" not in line
    assert "s3cret" not in line


def test_a_ratio_needs_two_targets(tmp_path: Path) -> None:
    second = GOOD[GOOD.index('[[targets]]\nname = "new"') : GOOD.index("[login]")]
    alone = GOOD.replace(second, "").replace("arm:new", "arm:old")

    with pytest.raises(UsageError, match="one target has no ratio"):
        scenario(tmp_path, alone)


@pytest.mark.parametrize(
    "wrong", ['["Bearer s3cret"]', "3", "{ env = ['s3cret'] }", '"s3cret {"', '"s3cret \u20ac"']
)
def test_a_wrong_header_is_told_without_its_value(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        scenario(tmp_path, GOOD.replace('"own"', wrong, 1))

    assert "requests[0].headers.x-key" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_variable_that_is_not_set_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^shop.toml: the environment variable SHOP_KEY is not set; export"):
        resolved(plan(tmp_path), {"SHOP_PASSWORD": "s3cret"}, "shop.toml")


def test_a_variable_that_no_header_can_carry_is_told_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"headers\.X-Key: a line break") as refused:
        resolved(plan(tmp_path), {"SHOP_PASSWORD": "p", "SHOP_KEY": "s3cret\nX-Admin: 1"}, "shop.toml")

    assert "s3cret" not in str(refused.value)


def test_no_text_of_a_plan_shows_a_secret(tmp_path: Path) -> None:
    ready = resolved(plan(tmp_path), {"SHOP_KEY": "s3cret", "SHOP_PASSWORD": "s3cret"}, "")

    assert "s3cret" not in repr(ready)
    assert "s3cret" in ready.model_dump_json()


@pytest.mark.parametrize(
    ("url", "allowed", "is_refused"),
    [
        ("http://shop.example", (), True),
        ("http://shop.example", ("shop.example.org",), True),
        ("http://shop.example", ("Shop.Example",), False),
        ("https://10.0.0.7:8443", ("10.0.0.7",), False),
    ],
)
def test_another_machine_is_loaded_only_if_it_is_allowed_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, allowed: tuple[str, ...], is_refused: bool
) -> None:
    monkeypatch.setenv("SHOP_KEY", "k")
    monkeypatch.setenv("SHOP_PASSWORD", "p")
    request = TargetsRequest(scenario(tmp_path, GOOD.replace("http://127.0.0.1:8000", url)), allowed, "")
    try:
        request.check()
        found = ""
    except UsageError as refused:
        found = str(refused)

    assert ("shop.toml: targets[0].url: is not this machine" in found) is is_refused
    assert bool(found) is is_refused


def test_another_machine_that_was_loaded_is_said_in_the_report(tmp_path: Path) -> None:
    away = judge_targets(scenario(tmp_path), facts(), ("shop.example",))
    here = judge_targets(scenario(tmp_path), facts(), ())

    assert "Load went to shop.example, another machine than this one" in markdown.render(load_page(away))
    assert "another machine" not in markdown.render(load_page(here))


def test_an_operation_says_its_body_once() -> None:
    with pytest.raises(ValueError, match="there are body and json"):
        Operation(name="x", method="POST", path="/", body="bulk", json={})  # type: ignore[arg-type]
