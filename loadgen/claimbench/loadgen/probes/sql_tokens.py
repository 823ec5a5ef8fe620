"""PostgreSQL's words: as much of its lexer as telling statements apart needs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|[bBxXnN]?'(?:[^']|'')*'|[uU]&'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff][\w]*)?\$)
    | (?P<parameter>\$\d+)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$]*)
    | (?P<number>\d[\w.]*)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word in lower case, a quoted name without its quotes, or a sign; `depth` counts open parentheses."""

    text: str
    is_word: bool
    is_name: bool
    depth: int


def tokens(sql: str) -> Iterator[Token]:
    """The tokens, without blanks, comments, literals and parameters; never fails, whatever the text."""
    position, depth = 0, 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if found is None:
            return
        position = _end(sql, found)
        text = found[0]
        if found.lastgroup == "word":
            yield Token(text.lower(), is_word=True, is_name=True, depth=depth)
        elif found.lastgroup == "quoted":
            yield Token(text[1:-1].replace('""', '"'), is_word=False, is_name=True, depth=depth)
        elif found.lastgroup == "sign":
            depth = max(0, depth - (text == ")"))
            yield Token(text, is_word=False, is_name=False, depth=depth)
            depth += text == "("


def _end(sql: str, found: re.Match[str]) -> int:
    if found["comment"]:
        return _comment_end(sql, found.start())
    if found["dollar"]:
        closing = sql.find(found["dollar"], found.end())
        return len(sql) if closing < 0 else closing + len(found["dollar"])
    return found.end()


def _comment_end(sql: str, start: int) -> int:
    """The end of a comment, which may hold others."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)


_VALUES = frozenset({"text", "number", "parameter"})
_PLACEHOLDER = re.compile(r"%\(\w+\)[sbt]|%[sbt]")
_CURSORS = re.compile(r"\s*(FETCH|MOVE|CLOSE|DECLARE)\b", re.IGNORECASE)
_LIST = re.compile(r"\( ?-? ?\?(?: , -? ?\?)+ ?\)|\( \? \)(?= , \( \? \))")
_TIGHT = re.compile(r"( \. | : : | (?=,))")
_ROWS = re.compile(r"(\(\?…\))(?: , \(\?…\))+")


@lru_cache(maxsize=4096)
def without_values(sql: str) -> str:
    """One text for all that differ in values alone: literals, parameters, lengths of lists, names of cursors.

    Parameters may be the server's (`$1`) or psycopg's (`%s`, `%(name)s`).
    """
    sql = _PLACEHOLDER.sub("$1", sql)
    words: list[str] = []
    position, is_cursor = 0, bool(_CURSORS.match(sql))
    while position < len(sql) and (found := _TOKEN.match(sql, position)):
        position = _end(sql, found)
        if found["space"] or found["comment"]:
            continue
        is_value = found.lastgroup in _VALUES or found["dollar"]
        is_cursors_name = is_cursor and found["quoted"] and len(words) < 5
        words.append("?" if is_value or is_cursors_name else found[0])
    shortened = _ROWS.sub(r"\1…", _LIST.sub("(?…)", " ".join(words)))
    return (
        _TIGHT.sub(lambda found: found[1].replace(" ", ""), shortened).replace("( ", "(").replace(" )", ")")
    )
