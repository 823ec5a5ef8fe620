"""Pages of lists, with the cursors of the API."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from claimbench.loadgen.fake_openai.wire import JsonObject, refuse


class Listed(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str:
        """The cursor that stands for it."""


Item = TypeVar("Item", bound=Listed)


def page_of(
    items: Sequence[Item], after: str | None, limit: int, shown: Callable[[Item], JsonObject]
) -> JsonObject:
    """The items behind the cursor `after`, at most `limit`. Refused (400) when no item has that id."""
    start = 0
    if after:
        places = [place for place, item in enumerate(items) if item.id == after]
        if not places:
            raise refuse(
                400, f"Invalid value for 'after': there is no '{after[:100]}' in this list.", param="after"
            )
        start = places[0] + 1
    page = items[start : start + limit]
    return {
        "object": "list",
        "data": [shown(item) for item in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": start + limit < len(items),
    }
