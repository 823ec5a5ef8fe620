"""What kind of statement a text is, and which table drives it.

The driving table is the first one of the top-level FROM: the table whose rows the statement goes
through. A name of a WITH query stands for the driving table of that query, a subquery for its own; a
function such as unnest() has none, so the next item of the FROM counts. A cursor and a COPY of a query
are that query.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from claimbench.loadgen.probes.sql_tokens import Token, tokens


class Kind(StrEnum):
    """What a statement does."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    COPY = "copy"
    TRANSACTION = "transaction"
    """BEGIN, COMMIT, ROLLBACK, savepoints: not counted as statements."""
    HOUSEKEEPING = "housekeeping"
    """The driver's prepared statements: neither counted as statements nor as executions."""
    OTHER = "other"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Shape:
    """A statement's kind, its driving table if it has one, and whether it looks rows up.

    A look-up brings rows back: a SELECT, or an UPDATE or DELETE with RETURNING. `searched` are the tables
    that it, or a query inside it, goes through for rows of a status rather than for rows whose ids it knows.
    """

    kind: Kind
    table: str | None = None
    is_lookup: bool = False
    searched: frozenset[str] = field(default=frozenset(), compare=False)


_TRANSACTION = {
    *("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"),
}
_HOUSEKEEPING = {"deallocate", "prepare", "discard"}
_JOIN_ENDS = {
    *(
        "where",
        "group",
        "having",
        "window",
        "union",
        "intersect",
        "except",
        "order",
        "limit",
        "offset",
        "fetch",
    ),
    *("for", "returning", "set"),
}
_BEFORE_TABLE = {"only", "lateral", "into"}
_WRITES = {"insert": Kind.INSERT, "update": Kind.UPDATE, "delete": Kind.DELETE, "merge": Kind.MERGE}


@lru_cache(maxsize=4096)
def shapes(sql: str) -> tuple[Shape, ...]:
    """The shapes of the statements in a text, which a simple query may separate by semicolons."""
    found: list[Shape] = []
    words: list[Token] = []
    for token in tokens(sql):
        if token.text == ";" and not token.is_name and token.depth == 0:
            found.append(_shape(words))
            words = []
        else:
            words.append(token)
    found.append(_shape(words))
    return tuple(shape for shape in found if shape.kind is not Kind.EMPTY)


def _shape(words: Sequence[Token]) -> Shape:
    if not words:
        return Shape(Kind.EMPTY)
    first = words[0].text
    if first in _TRANSACTION:
        return Shape(Kind.TRANSACTION)
    if first in _HOUSEKEEPING:
        return Shape(Kind.HOUSEKEEPING)
    if first == "copy":
        return _copy_shape(words)
    if first == "declare":
        return _Query(_after(words, "for")).shape()
    return _created(words) if first == "create" else _Query(words).shape()


def _created(words: Sequence[Token]) -> Shape:
    """CREATE TABLE … AS has looked up what it keeps; any other CREATE looks nothing up."""
    kept = _Query(_after(words, "as")).shape()
    return kept if kept.kind is Kind.SELECT else Shape(Kind.OTHER)


def _copy_shape(words: Sequence[Token]) -> Shape:
    if len(words) > 1 and words[1].text == "(":
        return _Query(_inside(words, 1)).shape()
    table = _table_at(words, 1)
    reads = any(word.is_word and word.text == "to" and word.depth == 0 for word in words)
    return Shape(Kind.SELECT if reads else Kind.COPY, table, reads)


class _Query:
    """One query: its WITH queries by name, and its own words."""

    def __init__(
        self, words: Sequence[Token], outer: "dict[str, _Query] | None" = None, level: int = 0
    ) -> None:
        self.named: dict[str, _Query] = dict(outer or {})
        self.level = level
        self.words = self._without_with(_without_parentheses(words))

    def shape(self) -> Shape:
        """The shape of the whole."""
        kind = self._kind()
        table = None if kind is Kind.OTHER else self.driving_table()
        searched = frozenset(self.searched())
        if kind is Kind.SELECT:
            return Shape(kind, table, is_lookup=True, searched=searched)
        returns = any(word.text == "returning" and word.is_word for word in self._top_level())
        is_lookup = returns and kind in (Kind.UPDATE, Kind.DELETE)
        return Shape(kind, table, is_lookup, searched)

    def searched(self) -> Iterator[str]:
        """The driving tables of this query and of those inside it that look for rows of a status."""
        if self.level > 20:
            return
        table = self.driving_table()
        if table and self._asks_for_status():
            yield table
        for query in self._inside():
            yield from query.searched()

    def _inside(self) -> "Iterator[_Query]":
        for query in self.named.values():
            if query.level == self.level + 1:
                yield query
        for index, word in enumerate(self.words[:-1]):
            if word.text == "(" and self.words[index + 1].text in {"select", "with"}:
                yield _Query(_inside(self.words, index), self.named, self.level + 2)

    def _asks_for_status(self) -> bool:
        """Whether the WHERE of this query itself names a status, and no rows by their ids."""
        where = list(self._where())
        names_status = any(word.is_name and word.text == "status" for word in where)
        return names_status and not any(
            _is_known_row(where[place : place + 3]) for place in range(len(where))
        )

    def _where(self) -> Iterator[Token]:
        """The words of the WHERE, without those of queries inside it."""
        bottom = self.words[0].depth if self.words else 0
        started, hidden_below = False, None
        for word, after in zip(self.words, [*self.words[1:], None], strict=True):
            if hidden_below is not None and word.depth > hidden_below:
                continue
            hidden_below = None
            if word.is_word and word.depth == bottom and (word.text == "where" or word.text in _JOIN_ENDS):
                started = word.text == "where"
            elif word.text == "(" and after is not None and after.text in {"select", "with"}:
                hidden_below = word.depth
            elif started:
                yield word

    def driving_table(self) -> str | None:
        """The table that the query goes through; None when it reads none."""
        if not self.words or self.level > 20:  # deeper than any query that a person wrote
            return None
        first = self.words[0].text
        if first in _WRITES:
            return _table_at(self.words, 1 if first == "update" else 2)
        if first == "table":
            return self._resolved(_table_at(self.words, 1))
        start = self._from()
        found = self._first_item(start + 1) if start is not None else None
        return found or self._first_subquery()

    def _kind(self) -> Kind:
        if not self.words:
            return Kind.OTHER
        first = self.words[0].text
        if first in {"select", "table", "values"}:
            return Kind.SELECT
        return _WRITES.get(first, Kind.OTHER)

    def _top_level(self) -> list[Token]:
        bottom = self.words[0].depth if self.words else 0
        return [word for word in self.words if word.depth == bottom]

    def _from(self) -> int | None:
        bottom = self.words[0].depth
        for index, word in enumerate(self.words):
            is_from = word.is_word and word.text == "from" and word.depth == bottom
            if is_from and not self._compares(index):
                return index
        return None

    def _compares(self, index: int) -> bool:
        """Whether this FROM belongs to IS [NOT] DISTINCT FROM."""
        before = [word.text for word in self.words[max(0, index - 2) : index]]
        return before in (["is", "distinct"], ["not", "distinct"])

    def _first_item(self, start: int) -> str | None:
        """The first item of the FROM that has a table; items end at a comma or a JOIN of the same depth."""
        bottom = self.words[0].depth
        index = start
        while index < len(self.words):
            if found := self._item(index):
                return found
            index = self._next_item(index, bottom)
        return None

    def _next_item(self, index: int, bottom: int) -> int:
        for later in range(index + 1, len(self.words)):
            word = self.words[later]
            if word.depth == bottom and word.is_word and word.text in _JOIN_ENDS:
                break
            if word.depth == bottom and (word.text == "join" or (word.text == "," and not word.is_name)):
                return later + 1
        return len(self.words)

    def _item(self, index: int) -> str | None:
        while (
            index < len(self.words) and self.words[index].is_word and self.words[index].text in _BEFORE_TABLE
        ):
            index += 1
        if index >= len(self.words):
            return None
        if self.words[index].text == "(":
            return self._parenthesised(_inside(self.words, index))
        if self._is_call(index):
            return None
        return self._resolved(_table_at(self.words, index))

    def _parenthesised(self, inside: Sequence[Token]) -> str | None:
        """A subquery, or a join in parentheses."""
        if inside and inside[0].text in {"select", "with", "values", "table", "("}:
            return _Query(inside, self.named, self.level + 1).driving_table()
        return self._resolved(_table_at(inside, 0)) if inside else None

    def _is_call(self, index: int) -> bool:
        while index + 2 < len(self.words) and self.words[index + 1].text == ".":
            index += 2
        return index + 1 < len(self.words) and self.words[index + 1].text == "("

    def _resolved(self, name: str | None) -> str | None:
        if name is None or name not in self.named:
            return name
        query = self.named[name]
        return query.driving_table() if query.level <= 20 else None

    def _first_subquery(self) -> str | None:
        """For a SELECT without a FROM of its own: the table of its first subquery."""
        for index, word in enumerate(self.words[:-1]):
            if word.text == "(" and self.words[index + 1].text in {"select", "with"}:
                return _Query(_inside(self.words, index), self.named, self.level + 1).driving_table()
        return None

    def _without_with(self, words: Sequence[Token]) -> Sequence[Token]:
        """Take the WITH queries off, remembering them; a recursive one does not know itself."""
        if not words or words[0].text != "with":
            return words
        index = 2 if len(words) > 1 and words[1].text == "recursive" else 1
        while index < len(words):
            name = words[index].text
            start = _next_body(words, index)
            if start is None:
                return ()
            inside = _inside(words, start)
            self.named[name] = _Query(inside, self.named, self.level + 1)
            index = start + len(inside) + 2
            if index >= len(words) or words[index].text != ",":
                return words[index:]
            index += 1
        return ()


def _is_known_row(words: Sequence[Token]) -> bool:
    """Whether `id = …`, `id IN …` or `batch_id = ANY …` begins here.

    A column compared with another one joins tables, and a company's id chooses a tenant: neither knows rows.
    """
    texts = [word.text for word in words]
    if len(texts) < 2 or texts[1] not in {"=", "in"} or not words[0].is_name:
        return False
    if texts[0] == "id":
        return True
    is_key = texts[0].endswith("_id") and texts[0] != "company_id"
    return is_key and (len(texts) < 3 or not words[2].is_name or texts[2] in {"any", "and", "or"})


def _next_body(words: Sequence[Token], index: int) -> int | None:
    """Where the parenthesis after AS [NOT] [MATERIALIZED] opens."""
    bottom = words[index].depth
    for later in range(index, len(words)):
        if words[later].text == "as" and words[later].depth == bottom:
            for opening in range(later + 1, min(later + 4, len(words))):
                if words[opening].text == "(":
                    return opening
    return None


def _inside(words: Sequence[Token], opening: int) -> Sequence[Token]:
    """The words between a parenthesis and the one that closes it."""
    depth = words[opening].depth
    for closing in range(opening + 1, len(words)):
        if words[closing].text == ")" and words[closing].depth == depth and not words[closing].is_name:
            return words[opening + 1 : closing]
    return words[opening + 1 :]


def _without_parentheses(words: Sequence[Token]) -> Sequence[Token]:
    while words and words[0].text == "(" and not words[0].is_name:
        words = _inside(words, 0)
    return words


def _after(words: Sequence[Token], keyword: str) -> Sequence[Token]:
    for index, word in enumerate(words):
        if word.is_word and word.text == keyword:
            return words[index + 1 :]
    return ()


def _table_at(words: Sequence[Token], index: int) -> str | None:
    """The table named here, without its schema."""
    while index < len(words) and words[index].is_word and words[index].text in _BEFORE_TABLE:
        index += 1
    name = None
    while index < len(words) and words[index].is_name:
        name = words[index].text
        if index + 1 >= len(words) or words[index + 1].text != ".":
            break
        index += 2
    return name
