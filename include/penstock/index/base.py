"""The VectorIndex port: the rows of one generation of an index, of which each release sees a slice.

A row is visible to releases ``added_in <= r < removed_in``. Staging adds rows that nobody sees yet, so every
method here may be called again after a crash and ends in the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from penstock.index.rules import Fields
from penstock.records import Hit, IndexRow, Query


class VectorIndex(Protocol):
    """One physical collection. Backends translate their client's errors into ``StoreError`` or ``TransientError``."""

    def create(self, dimension: int, fields: Fields) -> None:
        """Make the collection where it is absent. Raises ``StoreError`` naming each difference where it is another.

        What a row's fields say is kept as text; of a field of another type also its value, where the text reads as one.
        """
        ...

    def exists(self) -> bool: ...

    def writer(self) -> VectorIndex:
        """The same collection for one holder of a lease: once it is fenced off, every write through this fails.

        Taken before the lease is proved, it leaves no moment in which a holder that sleeps could still write later.
        """
        ...

    def fence(self) -> None:
        """Have the writes of every earlier ``writer`` fail from here on with ``TransientError``, also those under way.

        Called by whoever takes a lease over. It changes no row that is there, nor one that a writer writes meanwhile;
        what comes meanwhile through another handle may be put away.
        """
        ...

    def add(self, rows: Sequence[IndexRow]) -> None:
        """Insert rows, replacing those of the same id; of equal ids in one call the last wins.

        Raises ``StoreError`` with the ids that will not do (then none is written) or that the store did not take.
        """
        ...

    def retire(self, ids: Sequence[str], release: int) -> None:
        """Set ``removed_in`` of the named rows to ``release``; unknown ids are left out, ``staged`` counts the rest."""
        ...

    def discard(self, release: int) -> None:
        """Undo the staging of ``release``: delete rows added in it, and reopen rows removed in it."""
        ...

    def set_principals(self, principals: Mapping[str, tuple[str, ...]]) -> None:
        """Set who may read, in place and at once, on every row of each named document, whatever its release.

        Documents without rows are left out. Raises ``StoreError`` where a list is empty or mixes ``nobody``.
        """
        ...

    def count(self, release: int) -> int:
        """Number of rows that ``release`` sees."""
        ...

    def staged(self, release: int) -> tuple[int, int]:
        """Numbers of rows added in and removed in ``release``."""
        ...

    def rows(
        self, release: int | None = None, *, added_in: int | None = None, vectors: bool = False
    ) -> Iterator[IndexRow]:
        """Stream rows: all, those that ``release`` sees, those added in one. A scan, for checks and moves."""
        ...

    def document_rows(self, documents: Sequence[str], release: int) -> Iterator[IndexRow]:
        """Rows of the named documents that ``release`` sees, without vectors."""
        ...

    def get(self, ids: Sequence[str]) -> list[IndexRow]:
        """The named rows, in any order, without vectors; unknown ids are left out."""
        ...

    def search(self, query: Query) -> list[Hit]:
        """The best ``k`` rows, best first: scores never rise, and rows of one score come by id.

        Release, principals and ``where`` filter inside the store *before* the candidates are chosen, so ``k`` rows
        come back wherever ``k`` match; ``filters.tree`` says what a filter means.
        ``mode`` is hybrid, vector or text; the text is taken as words, never as syntax.
        Hybrid fuses the two searches, each 100 or ``k`` deep, by ``rules.fused``. Its scores, and BM25's,
        compare the rows of one answer; the cosine of the vector search means the same everywhere.
        Which of several equal rows are the last of ``k`` is the store's choice, and may change.
        Everybody also sees what is ``public``, and asking as ``nobody`` shows nothing more.
        """
        ...

    def prune(self, kept: Iterable[int]) -> int:
        """Delete the rows that no kept release sees; return how many. Raises ``StoreError`` where none is kept."""
        ...

    def erase(self, documents: Sequence[str]) -> int:
        """Delete every row of the named documents, from the files too; return how many.

        Raises ``TransientError`` where another writer stood in the way of the files: then erase again.
        """
        ...

    def settle(self) -> None:
        """Wait until a search finds whatever was written. Raises ``TransientError`` where that takes too long."""
        ...

    def name_live(self, index: str) -> None:
        """Have the store's own name for the live release of ``index`` lead here, where a store knows such names.

        It is for those who read the store without penstock, which itself follows the catalog alone.
        """
        ...

    def is_named_live(self, index: str) -> bool:
        """Whether that name leads here; true where the store knows no names."""
        ...

    def optimize(self) -> None:
        """Fold new rows into the search structures and drop versions that no reader needs."""
        ...

    def drop(self) -> None:
        """Delete the collection."""
        ...
