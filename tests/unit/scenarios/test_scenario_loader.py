from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from claimbench.errors import ExitCode, UsageError
from claimbench.impl.indexes import DOCUMENT_INDEXES
from claimbench.impl.ports import Stage
from claimbench.scenarios import metrics
from claimbench.scenarios.loader import available, load
from claimbench.scenarios.model import ArmRole

SHIPPED = files("claimbench.scenarios") / "files"
SMOKE = (SHIPPED / "smoke.toml").read_text()
NAMES = [summary.name for summary in available()]
OWN_CLAIM = """
[[claims]]
id = "mine"
source = "my notes"
quote = "fewer rows"
metric = "rows"
claimed = "reduction 10..20 %"
"""


def refusal(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_loads_under_its_own_name_and_says_why(name: str) -> None:
    scenario = load(name)

    assert scenario.name == name
    assert len(scenario.why) > 100


@pytest.mark.parametrize("name", ["document", "smoke"])
def test_the_scenarios_carry_every_claim_of_the_document(name: str) -> None:
    claims = {claim.id: str(claim.claimed) for claim in load(name).claims}

    assert claims == {
        "query-count": "reduction 60..80 %",
        "memory": "reduction 40..60 %",
        "time": "reduction 30..50 %",
        "cache-hit-rate": ">= 95 %",
        "company-lookups-first": "4 -> 1",
        "company-lookups-cached": "4 -> 0",
        "pending-lookups": "N -> 1",
        "status-lookups": "N -> 1",
        "failed-lookups": "N -> 1",
        "index-status-requested-at": "used",
        "index-batch-id": "used",
        "index-status-batch-id": "used",
    }


def test_every_claim_cites_a_heading_and_the_words_under_it() -> None:
    for claim in load("document").claims:
        assert claim.source
        assert len(claim.quote) > 20


def test_the_default_scenario_compares_fifty_companies_at_two_round_trips() -> None:
    scenario = load("document")

    assert scenario.dataset.companies == 50
    assert scenario.network.rtt_ms == (0, 1)
    assert scenario.network.judged_rtt_ms == 1
    assert scenario.workload.step == timedelta(minutes=10)
    assert [arm.role for arm in scenario.arms] == [ArmRole.REFERENCE, ArmRole.CANDIDATE]


def test_the_catalogue_names_the_stages_and_indexes_that_are_run() -> None:
    assert tuple(stage.value for stage in Stage) == metrics.STAGES
    assert tuple(index.name for index in DOCUMENT_INDEXES) == metrics.INDEXES


def test_metrics_have_names_of_their_own() -> None:
    names = [metric.name for metric in metrics.CATALOGUE]

    assert len(names) == len(set(names))


def test_a_scenario_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMOKE.replace("seed = 7", "seed = 8"))

    assert load(path).api.seed == 8
    assert load(str(path)).sha256 != load("smoke").sha256


def test_claims_of_ones_own_stand_behind_those_of_the_document(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMOKE + OWN_CLAIM)

    assert [claim.id for claim in load(path).claims][-1] == "mine"
    assert len(load(path).claims) == 13


def test_claims_can_come_from_a_file_beside_the_scenario_and_count_in_its_hash(tmp_path: Path) -> None:
    path, claims = tmp_path / "mine.toml", tmp_path / "claims.toml"
    path.write_text(SMOKE.replace('claims_from = "document"', 'claims_from = "claims.toml"'))
    claims.write_text(OWN_CLAIM)
    before = load(path)
    claims.write_text(OWN_CLAIM.replace("20 %", "30 %"))
    after = load(path)

    assert [claim.id for claim in before.claims] == ["mine"]
    assert before.sha256 != after.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("4..24", "24..4", "dataset.messages_per_session: range 24..4 is upside down"),
        ("40..400", "0..400", "dataset.characters_per_message"),
        ("seed = 7", "sead = 7", "api.sead: unknown key; did you mean 'seed'"),
        ("[dataset]", "[datset]", "datset: unknown key; did you mean 'dataset'"),
        ("\nblocks = 2", "", "workload.blocks: the key is missing"),
        ("runs = 2", "runs = true", "workload.runs: input should be a valid integer, not True"),
        ("runs = 2", 'runs = "3"', "workload.runs: input should be a valid integer"),
        ("runs = 2", "runs = 0", "workload.runs: input should be greater than or equal to 1"),
        ("runs = 2", "runs = = 3", "at line"),
        ("runs = 2", "runs = 2\nruns = 4", "at line"),
        ("runs = 2", "runs = 2020-01-01", "workload.runs"),
        ("\nblocks = 2", "\nblocks = 1", "workload.blocks"),
        ('"10min"', '"10mn"', "workload.step: unit 'mn'"),
        ("companies = [2, 6]", "companies = [4, 4]", "workload.companies: '4' is there 2 times"),
        ("companies = [2, 6]", "companies = 4", "workload.companies"),
        (
            "repeats = 3",
            "memory_companies = [2, 2]",
            "workload.memory_companies: '2' is there 2 times",
        ),
        ("repeats = 3", "shown_blocks = 3", "workload.shown_blocks: 3 are more than blocks"),
        (
            "repeats = 3",
            "shown_blocks = 1",
            "workload.shown_blocks: input should be greater than or equal to 2",
        ),
        ("rtt_ms = [0, 1]", "rtt_ms = [0, 2]", "network.judged_rtt_ms: 1 is not among rtt_ms (0, 2)"),
        ("rtt_ms = [0, 1]", "rtt_ms = [0, nan, 1]", "network.rtt_ms[1]"),
        ("rtt_ms = [0, 1]", "rtt_ms = [0, 1, 1]", "network.rtt_ms: '1' is there 2 times"),
        ('role = "candidate"', 'role = "reference"', "arms: 2 arms (naive, optimized) with role 'reference'"),
        ('role = "reference"', 'role = "candidate"', "arms: no arm with role 'reference'"),
        ('role = "candidate"', 'role = "winner"', "arms[1].role"),
        ('name = "optimized"', 'name = "naive"', "arms: 'naive' is there 2 times"),
        ('pipeline = "optimized"', 'pipeline = "a:b:c"', "arms[1].pipeline"),
        ('pipeline = "optimized"', 'pipeline = ""', "arms[1].pipeline"),
        ('claims_from = "document"', 'claims_from = "documnt"', "claims_from: 'documnt'"),
        ('claims_from = "document"', "claims_from = 3", "claims_from: 3"),
        ('claims_from = "document"', 'claims_from = "none.toml"', "cannot be read"),
        ('claims_from = "document"', 'claims = "none"', "claims"),
        ('claims_from = "document"', 'claims_from = "document"\nsha256 = "a"', "sha256: cannot be set"),
        ('claims_from = "document"', 'claims_from = "document"\nsource = "a"', "source: cannot be set"),
    ],
)
def test_a_mistake_is_refused_with_file_key_and_remedy(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SMOKE

    message = refusal_of_any_file(tmp_path, SMOKE.replace(old, new, 1))

    assert said in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "\ncompanies = 6",
            f"\ncompanies = {10**20}",
            "dataset.companies: input should be less than or equal to 1000000, not 100000000000000000000",
        ),
        ("requests_per_company = ", "requests_per_company = 99999999", "dataset.requests_per_company"),
        ("history_per_company = 100", f"history_per_company = {2**63}", "dataset.history_per_company"),
        ("4..24", "4..9999999", "dataset.messages_per_session: range 4..9999999 ends beyond 1,000,000"),
        ("40..400", "40..4000000", "dataset.characters_per_message: range 40..4000000 ends beyond 1,000,000"),
        ("runs = 2", "runs = 1000001", "write 1,000,000 or less"),
        ("repeats = 3", f"repeats = {10**9}", "workload.repeats"),
        ("\nblocks = 2", f"\nblocks = {10**9}", "workload.blocks"),
        ("\nmemory_blocks = 2", f"\nmemory_blocks = {10**9}", "workload.memory_blocks"),
        ("companies = [2, 6]", f"companies = [2, {10**20}]", "workload.companies[1]"),
        ("repeats = 3", f"memory_companies = [{10**20}]", "workload.memory_companies[0]"),
        ("seed = 7", "seed = -1", "api.seed: input should be greater than or equal to 0, not -1"),
        ("seed = 7", f"seed = {2**63}", "api.seed"),
        ("rtt_ms = [0, 1]", f"rtt_ms = [0, {10**20}]", "network.rtt_ms[1]"),
        ("seed = 7", f"seed = {'9' * 4000}", "api.seed"),
        ("seed = 7", f"seed = {'9' * 5000}", "holds a number that is none"),
        ("seed = 7", f"seed = 0x{'f' * 5000}", "holds a number that is none"),
    ],
    ids=lambda value: value[:40],
)
def test_a_number_that_nothing_can_be_made_of_is_refused_by_its_key_and_limit(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in SMOKE

    message = refusal(tmp_path, SMOKE.replace(old, new, 1))

    assert said in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "history_per_company = 100",
            "history_per_company = 1000000",
            "dataset.requests_per_company: 1,000 companies make 1,000,006,000 requests",
        ),
        ('"10min"', '"300d"', "workload.runs: 1,000 runs, 300d apart, take the clock beyond 100 years"),
    ],
)
def test_numbers_that_are_too_much_together_are_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    many = SMOKE.replace("runs = 2", "runs = 1000").replace("\ncompanies = 6", "\ncompanies = 1000")

    assert said in refusal(tmp_path, many.replace(old, new, 1))


@pytest.mark.parametrize(
    ("shown", "blocks", "which"),
    [
        (None, 3, {0, 1, 2}),
        (3, 6, {0, 2, 4}),
        (2, 5, {0, 2}),
        (4, 6, {0, 1, 3, 4}),
        (6, 6, {0, 1, 2, 3, 4, 5}),
    ],
)
def test_what_is_shown_only_is_taken_in_blocks_spread_over_the_run(
    shown: int | None, blocks: int, which: set[int]
) -> None:
    workload = load("smoke").workload.model_copy(update={"shown_blocks": shown})

    assert workload.shown_among(blocks) == which


def refusal_of_any_file(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"rows"', '"row"', "metric 'row' is unknown; did you mean 'rows'"),
        ('"rows"', '"rows"\nstage = "creat_batches"', "did you mean 'create_batches'"),
        ('"rows"', '"pending_lookups"', "pending_lookups has no stage 'run'"),
        ('"mine"', '"time"', "claims: 'time' is there 2 times"),
        ("reduction 10..20 %", "reduction 20..10 %", "claims[12].claimed: reduction 20..10 % is upside down"),
        ("reduction 10..20 %", "used", "'used' cannot be said of rows"),
        ("reduction 10..20 %", "faster", "claims[12].claimed: 'faster' is no claim"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in OWN_CLAIM

    assert said in refusal(tmp_path, SMOKE + OWN_CLAIM.replace(old, new))


@pytest.mark.parametrize(
    ("metric", "claimed"),
    [("time", "4 -> 1"), ("time", ">= 95 %"), ("cache_hit_rate", "4 -> 1"), ("index_used", "4 -> 1")],
)
def test_a_metric_is_claimed_only_in_a_form_that_fits_it(tmp_path: Path, metric: str, claimed: str) -> None:
    stages = {"cache_hit_rate": "timetable", "index_used": "ix_request_batch_id"}
    own = OWN_CLAIM.replace('"rows"', f'"{metric}"\nstage = "{stages.get(metric, "run")}"')

    assert f"cannot be said of {metric}" in refusal(
        tmp_path, SMOKE + own.replace("reduction 10..20 %", claimed)
    )


def test_an_unknown_name_is_refused_with_names_that_are_near() -> None:
    with pytest.raises(UsageError, match="did you mean 'document'"):
        load("documnt")


@pytest.mark.parametrize("path", ["none.toml", "folder/none", "."])
def test_a_path_that_cannot_be_read_is_named(path: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match="UTF-8"):
        load(path)


def test_the_documentation_lists_every_claim_and_every_metric() -> None:
    text = (Path(__file__).parents[3] / "docs" / "claims.md").read_text()

    for claim in load("document").claims:
        assert f"| `{claim.id}` | `{claim.metric}` | `{claim.stage}` | {claim.claimed} |" in text
    for metric in metrics.CATALOGUE:
        assert f"`{metric.name}`" in text
