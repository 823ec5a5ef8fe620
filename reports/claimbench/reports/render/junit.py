"""The verdicts as JUnit XML: a test case per claim, and one for equivalence."""

import io

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from claimbench.reports.record.run import ClaimResult, ResultRecord
from claimbench.reports.wording import printable


def render(record: ResultRecord) -> str:
    """A refuted claim is a failure, an inconclusive one an error; the numbers are in each case's output."""
    suite = TestSuite(f"claimbench {printable(record.scenario.name)}")
    suite.timestamp = printable(record.started_at)
    suite.add_property("scenario.sha256", record.scenario.sha256)
    suite.add_property("verdict", record.verdict.value)
    suite.add_property("exit_code", str(record.verdict.exit_code))
    suite.add_testcase(_equivalence(record))
    for claim in record.claims:
        suite.add_testcase(_case(record, claim))
    document = JUnitXml()
    document.add_testsuite(suite)
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _equivalence(record: ResultRecord) -> TestCase:
    case = TestCase("the arms do the same work", _classname(record))
    if not record.equivalence.equal:
        failure = Failure("the arms do not do the same work", "not_equivalent")
        failure.text = "\n".join(printable(each) for each in record.equivalence.differences)
        case.result = [failure]
    return case


def _case(record: ResultRecord, claim: ClaimResult) -> TestCase:
    case = TestCase(f"{printable(claim.id)}: {claim.claimed}", _classname(record))
    reason = printable(claim.reason)
    if claim.verdict == "refuted":
        case.result = [Failure(reason, "refuted")]
    if claim.verdict == "inconclusive":
        case.result = [Error(reason, "inconclusive")]
    case.system_out = f"{claim.verdict}: {reason}\nmeasured: {printable(claim.measured_text)}\n"
    return case


def _classname(record: ResultRecord) -> str:
    return f"claimbench.{printable(record.scenario.name)}"
