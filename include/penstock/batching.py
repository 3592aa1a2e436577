"""Long work cut into parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
BOUND_VALUES = 500
"""As many as every database takes in one statement: SQLite's oldest limit is 999."""


def batched(items: Iterable[T], size: int = BOUND_VALUES) -> Iterator[list[T]]:
    """``itertools.batched`` of Python 3.12, with lists.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
