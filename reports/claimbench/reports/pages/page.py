"""What is shown, before anybody draws it: a page of sections, tables, findings and charts, as values.

Texts are plain; each renderer escapes them and lays them out in its own way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from claimbench.reports.record.values import Finding, VerdictValue


class Tone(StrEnum):
    """How a verdict is to be taken; each has a sign, so that nothing hangs on colour."""

    GOOD = "good"
    BETTER = "better"
    BAD = "bad"
    OPEN = "open"
    INVALID = "invalid"

    @property
    def sign(self) -> str:
        """Stands beside the verdict's word."""
        return _SIGNS[self]


_SIGNS = {Tone.GOOD: "✓", Tone.BETTER: "✓+", Tone.BAD: "✗", Tone.OPEN: "?", Tone.INVALID: "!"}
_TONES = {
    VerdictValue.HOLDS: Tone.GOOD,
    VerdictValue.PASS: Tone.GOOD,
    VerdictValue.EXCEEDED: Tone.BETTER,
    VerdictValue.REFUTED: Tone.BAD,
    VerdictValue.FAIL: Tone.BAD,
    VerdictValue.NOT_EQUIVALENT: Tone.BAD,
    VerdictValue.LOST: Tone.BAD,
    VerdictValue.INCONCLUSIVE: Tone.OPEN,
    VerdictValue.INVALID: Tone.INVALID,
}


def tone_of(value: VerdictValue) -> Tone:
    """How a verdict is to be taken."""
    return _TONES[value]


class Align(StrEnum):
    """Words stand left, numbers right."""

    LEFT = "left"
    RIGHT = "right"


class Weight(StrEnum):
    """Brief sections are what a terminal and a comment show; the others need a page."""

    BRIEF = "brief"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Code:
    """A name, a hash or a command within a sentence."""

    text: str


Line = tuple[str | Code, ...]
"""A sentence, in its parts."""


def plain(line: Line) -> str:
    """The sentence without marks."""
    return "".join(part.text if isinstance(part, Code) else part for part in line)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences."""

    line: Line


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without order."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column, and where its cells stand."""

    head: str
    align: Align = Align.LEFT


@dataclass(frozen=True, slots=True)
class PageTable:
    """A title, columns, and rows of as many cells."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def columns(words: tuple[str, ...], numbers: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Columns of words, then columns of numbers."""
    return (*(Column(head) for head in words), *(Column(head, Align.RIGHT) for head in numbers))


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Where in somebody's code a check points: file relative to the repository's root."""

    file: str
    line: int
    function: str
    statement: str


@dataclass(frozen=True, slots=True)
class AtSize:
    """The verdict of the same check at another size."""

    size: str
    value: str


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One thing that was judged: what was asked of whom, the verdict, what was measured, and why.

    `details` are further sentences, `note` says where the rule comes from, `group` sorts test cases.
    """

    subject: str
    rule: str
    value: VerdictValue
    measured: str = ""
    reason: str = ""
    group: str = ""
    note: str = ""
    by_size: tuple[AtSize, ...] = ()
    details: tuple[str, ...] = ()
    source: SourceLine | None = None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """A stored finding, as it is shown."""
        return cls(
            subject=finding.subject,
            rule=finding.rule,
            value=finding.value,
            measured=finding.measured,
            reason=finding.reason,
            group=finding.tier or "",
        )

    @property
    def tone(self) -> Tone:
        """How its verdict is to be taken."""
        return tone_of(self.value)

    @property
    def why(self) -> str:
        """The reason, with what was measured if it does not say so itself."""
        if self.measured in self.reason:
            return self.reason
        return f"{self.measured}: {self.reason}" if self.reason else self.measured

    @property
    def by_size_text(self) -> str:
        """At which sizes there was which verdict: `holds at 10, 50; refuted at 200`."""
        sizes: dict[str, list[str]] = {}
        for each in self.by_size:
            sizes.setdefault(each.value, []).append(each.size)
        return "; ".join(f"{value} at {', '.join(found)}" for value, found in sizes.items())


@dataclass(frozen=True, slots=True)
class Findings:
    """Checks beside each other. `subject` and `rule` head their columns, `by_size` the one of sizes."""

    title: str
    checks: tuple[ShownFinding, ...]
    subject: str = "What"
    rule: str = "Rule"
    by_size: str = ""

    @property
    def table(self) -> PageTable:
        """A row for each check, the verdict second; a column that would be empty is left out."""
        heads = (self.subject, "Verdict", self.rule, "Measured", self.by_size, "Why")
        rows = [
            (
                each.subject,
                f"{each.tone.sign} {each.value}",
                each.rule,
                each.measured,
                each.by_size_text or "–",
                each.reason,
            )
            for each in self.checks
        ]
        kept = [place for place, head in enumerate(heads) if head and any(row[place] for row in rows)]
        return PageTable(
            self.title,
            columns(tuple(heads[place] for place in kept)),
            tuple(tuple(row[place] for place in kept) for row in rows),
        )


@dataclass(frozen=True, slots=True)
class LargeFigure:
    """A number that is shown large: `value` and `what` read as one (`99.1 % fewer`, `statements`).

    `change` says from what to what, `claimed` what was published; `verdict` is of the claim, if there is one.
    """

    value: str
    what: str
    change: str
    claimed: str = ""
    verdict: VerdictValue | None = None

    @property
    def tone(self) -> Tone | None:
        """How the claim's verdict is to be taken."""
        return tone_of(self.verdict) if self.verdict else None

    @property
    def judged(self) -> str:
        """The verdict's sign and word; nothing where nothing was claimed."""
        return f"{tone_of(self.verdict).sign} {self.verdict}" if self.verdict else ""


@dataclass(frozen=True, slots=True)
class LargeFigures:
    """The few numbers that a reader should take along, side by side where there is room."""

    title: str
    figures: tuple[LargeFigure, ...]

    @property
    def table(self) -> PageTable:
        """A row for each figure; what was claimed and its verdict are left out where nothing was."""
        rows = tuple((each.what, each.value, each.change, each.claimed, each.judged) for each in self.figures)
        heads = ("Of what", "Measured", "From, to", "Claimed", "Verdict")
        kept = len(heads) if any(each.claimed for each in self.figures) else len(heads) - 2
        return PageTable(self.title, columns(heads[:kept]), tuple(row[:kept] for row in rows))


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: `name` is its file's, `description` its text for those who cannot see it."""

    name: str
    title: str
    description: str
    svg: str


@dataclass(frozen=True, slots=True)
class Fold:
    """What only some want to read, behind a line that says what it is."""

    summary: str
    blocks: tuple["Block", ...]


Block = Paragraph | Bullets | PageTable | Findings | LargeFigures | Chart | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands below it, and the name by which the page links to it."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    weight: Weight = Weight.FULL


@dataclass(frozen=True, slots=True)
class Banner:
    """The verdict of the whole: its word, a sentence, why, and what the process ended with."""

    value: VerdictValue
    headline: str
    reason: str
    exit_code: int

    @property
    def tone(self) -> Tone:
        """How the verdict is to be taken."""
        return tone_of(self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind of finding in somebody's code means, for code scanning."""

    id: str
    name: str
    short: str
    full: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Page:
    """All of one result that is shown.

    `kind` is what the result is of, `name` and `sha256` are the scenario's. `cases` are all checks, also
    those that the sections fold together. `rules` are those whose findings point at somebody's code.
    """

    kind: str
    name: str
    title: str
    version: str
    sections: tuple[Section, ...]
    banner: Banner | None = None
    started_at: str = ""
    sha256: str = ""
    schema: str = ""
    cases: tuple[ShownFinding, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every drawing, in the order of the page."""
        return tuple(each for section in self.sections for each in section.blocks if isinstance(each, Chart))

    @property
    def brief(self) -> Iterator[Section]:
        """What is shown where there is room for the main things only."""
        return (section for section in self.sections if section.weight is Weight.BRIEF)

    @property
    def full(self) -> Iterator[Section]:
        """The rest."""
        return (section for section in self.sections if section.weight is Weight.FULL)
