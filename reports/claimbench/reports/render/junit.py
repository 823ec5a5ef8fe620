"""A page's cases as JUnit XML: what is bad is a failure, what could not be decided an error."""

import io

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from claimbench.reports.pages.page import Page, ShownFinding, Tone
from claimbench.reports.wording import printable


def render(page: Page) -> str:
    """One suite; what was measured and why stands in each case's output."""
    suite = TestSuite(printable(f"claimbench {page.kind} {page.name}"))
    if page.started_at:
        suite.timestamp = printable(page.started_at)
    if page.sha256:
        suite.add_property("scenario.sha256", printable(page.sha256))
    if page.banner:
        suite.add_property("verdict", page.banner.value)
        suite.add_property("exit_code", str(page.banner.exit_code))
    for check in page.cases:
        suite.add_testcase(_case(page, check))
    document = JUnitXml()
    document.add_testsuite(suite)
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _case(page: Page, check: ShownFinding) -> TestCase:
    name = f"{check.subject}: {check.rule}" if check.rule else check.subject
    case = TestCase(printable(name), printable(f"claimbench.{page.kind}.{check.group or page.name}"))
    if check.tone in {Tone.BAD, Tone.OPEN, Tone.INVALID}:
        kind = Failure if check.tone is Tone.BAD else Error
        result = kind(printable(check.why), printable(check.value))
        if check.details:
            result.text = "\n".join(printable(each) for each in check.details)
        case.result = [result]
    measured = f"measured: {printable(check.measured)}\n" if check.measured else ""
    reason = f": {printable(check.reason)}" if check.reason else ""
    case.system_out = f"{printable(check.value)}{reason}\n{measured}"
    return case
