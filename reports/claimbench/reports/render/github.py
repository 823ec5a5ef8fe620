"""A page for GitHub: annotations on a run, and the comment or step summary that shows its brief sections."""

from collections.abc import Iterator

from claimbench.errors import ExitCode
from claimbench.reports.pages.page import Findings, Page, ShownFinding, Tone
from claimbench.reports.render import markdown
from claimbench.reports.render.markdown import escaped
from claimbench.reports.wording import printable

MOST = 10
"""GitHub shows no more than ten annotations of each kind for a step."""
MOST_CHARACTERS = 60_000
"""GitHub refuses comments above 65,536 characters."""

_LEVELS = {Tone.BAD: "error", Tone.INVALID: "error", Tone.OPEN: "warning"}


def annotations(page: Page) -> str:
    """Workflow commands: a line for the verdict, and for what is not good; empty when all is."""
    return "".join(f"{line}\n" for line in _annotated(page))


def _annotated(page: Page) -> Iterator[str]:
    if page.banner and page.banner.tone in _LEVELS:
        level = "warning" if page.banner.exit_code == ExitCode.INCONCLUSIVE else "error"
        yield _command(level, page.banner.headline, page.banner.reason)
    elif page.banner:
        return
    told = [
        check
        for section in page.sections
        for block in section.blocks
        if isinstance(block, Findings)
        for check in block.checks
        if check.tone in _LEVELS
    ]
    for check in told[: MOST - 1]:
        title = f"{check.subject} ({check.rule or check.value})"
        yield _command(_LEVELS[check.tone], title, check.why, check)


def _command(level: str, title: str, message: str, check: ShownFinding | None = None) -> str:
    source = check.source if check else None
    place = f"file={_property(source.file)},line={source.line}," if source else ""
    return f"::{level} {place}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped as the runner unescapes the message of a command."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def comment(page: Page) -> str:
    """Markdown: the verdict, the brief sections, and the others folded away."""
    text = "\n\n".join(_parts(page)) + "\n"
    if len(text) <= MOST_CHARACTERS:
        return text
    return text[:MOST_CHARACTERS].rpartition("\n")[0] + "\n\nThe rest is in the folder of the results.\n"


def _marker(page: Page) -> str:
    """The invisible first line by which the comment is found again and replaced, one for each scenario."""
    safe = "".join(character for character in page.name if character.isalnum() or character in "-_.")
    return f"<!-- claimbench-{page.kind}: {safe} -->"


def _parts(page: Page) -> Iterator[str]:
    yield _marker(page)
    banner = page.banner
    if banner:
        yield f"### {banner.tone.sign} {banner.headline}: {escaped(page.name)}"
        yield f"**{banner.value}** (exit {banner.exit_code}): {escaped(banner.reason)}."
    else:
        yield f"### {escaped(page.title)}"
    for section in page.brief:
        yield from markdown.blocks(section)
    for section in page.full:
        yield markdown.folded(section.title, "\n\n".join(markdown.blocks(section)))
