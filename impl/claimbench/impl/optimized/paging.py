"""Ended batches are claimed a page at a time: what the stage keeps of them does not grow with them."""

FIRST_PAGE = 128
"""Batches of the first page, and of one whose batches are large."""

_LARGEST_PAGE = 4_000
_REQUESTS_OF_PAGE = 100_000


def next_page(batches: int, requests: int) -> int:
    """How many batches to take next, after so many that have so many requests together.

    As many as have 100,000 together, since round trips may grow with requests, but not with small batches;
    4,000 at most.
    """
    alike = _REQUESTS_OF_PAGE * batches // max(requests, 1)
    return min(_LARGEST_PAGE, max(FIRST_PAGE, alike))
