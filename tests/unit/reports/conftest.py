from dataclasses import replace

import pytest
from report_factory import made_up_facts

from claimbench.reports.judge.conclude import RunFacts, judge
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Equivalence
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Scenario


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return load("document")


@pytest.fixture(scope="session")
def facts(scenario: Scenario) -> RunFacts:
    return made_up_facts(scenario)


@pytest.fixture(scope="session")
def record(scenario: Scenario, facts: RunFacts) -> ResultRecord:
    return judge(scenario, facts)


@pytest.fixture(scope="session")
def unequal(facts: RunFacts) -> RunFacts:
    different = Equivalence(
        equal=False,
        differences=("session 7: summary is <b>'x'</b> in naive and None in optimized",),
        rows_compared=12_345,
        api_requests_compared=321,
    )
    return replace(facts, equivalence=different)
