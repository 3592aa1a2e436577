"""A document on its way through the line, and the catalog's rows about it that wait to be written together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from penstock import leases
from penstock.catalog import insert_or_update
from penstock.catalog.schema import chunkings, documents, parses, revisions
from penstock.leases import Lease
from penstock.planning import Work, canonical
from penstock.platform import Platform
from penstock.records import Chunk, Parsed, Refusal


@dataclass(slots=True)
class Item:
    """A document on its way: its work, its bytes' name, and where it hangs."""

    work: Work
    parent_id: str | None
    depth: int
    revision: str = ""
    parse_key: str = ""
    data: bytes | None = None


class PendingRows:
    """Catalog rows that wait to be written together: a transaction a document would cost more than parsing it."""

    LIMIT = 128

    def __init__(self, platform: Platform, run_id: int, lease: Lease) -> None:
        self._catalog, self._run_id, self._lease = platform.catalog, run_id, lease
        self._documents: dict[str, dict[str, Any]] = {}
        self._revisions: dict[tuple[str, str], dict[str, Any]] = {}
        self._parses: dict[str, dict[str, Any]] = {}
        self._chunkings: dict[str, dict[str, Any]] = {}

    def document(self, item: Item, problem: Refusal | None = None) -> None:
        self._documents[item.work.id] = {
            "id": item.work.id,
            "source": item.work.source,
            "key": item.work.key,
            "parent_id": item.parent_id,
            "hint": item.work.hint if item.revision else "",
            "revision": item.revision or None,
            "principals": canonical(list(item.work.principals)),
            "principals_pending": False,
            "fields": canonical(dict(item.work.fields)),
            "problem": asdict(problem) if problem else None,
            "first_run": self._run_id,
        }
        self._flush_if_many()

    def revision(self, item: Item, size_bytes: int, version: str | None = None) -> None:
        self._revisions[item.work.id, item.revision] = {
            "document_id": item.work.id,
            "sha256": item.revision,
            "size_bytes": size_bytes,
            "version": version,
            "run_id": self._run_id,
        }

    def parse(
        self,
        item: Item,
        parser: str,
        parsed: Parsed | None = None,
        attachments: list[list[str]] | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        self._parses[item.parse_key] = {
            "key": item.parse_key,
            "revision": item.revision,
            "parser": parser,
            "parsed_by": parsed.parser if parsed else None,
            "media_type": parsed.media_type if parsed else None,
            "title": parsed.title if parsed else None,
            "attachments": attachments or [],
            "reason": str(refusal.reason) if refusal else None,
            "detail": refusal.detail if refusal else None,
            "remedy": refusal.remedy if refusal else None,
            "run_id": self._run_id,
        }

    def known_parse(self, key: str) -> dict[str, Any] | None:
        """A parse that was made and not written yet."""
        return self._parses.get(key)

    def chunking(self, key: str, parse_key: str, chunks: list[Chunk]) -> None:
        tokens = sum(chunk.tokens for chunk in chunks)
        self._chunkings[key] = {"key": key, "parse_key": parse_key, "chunks": len(chunks), "tokens": tokens}

    def _flush_if_many(self) -> None:
        if len(self._documents) >= self.LIMIT:
            self.flush()

    def flush(self) -> None:
        with self._catalog.write() as connection:
            leases.check(connection, self._catalog, self._lease)
            now = self._catalog.now(connection)
            # Principals are not updated here: access has its own path, which also reaches the rows of the index.
            # A document that was not fetched keeps its last hint and revision; only its problem is noted.
            fetched = [row for row in self._documents.values() if row["revision"]]
            others = [row for row in self._documents.values() if not row["revision"]]
            insert_or_update(connection, documents, fetched, ("hint", "revision", "fields", "problem"))
            insert_or_update(connection, documents, others, ("problem",))
            insert_or_update(connection, revisions, [{**row, "fetched_at": now} for row in self._revisions.values()])
            insert_or_update(connection, parses, [{**row, "made_at": now} for row in self._parses.values()])
            insert_or_update(connection, chunkings, [{**row, "made_at": now} for row in self._chunkings.values()])
        for rows in (self._documents, self._revisions, self._parses, self._chunkings):
            rows.clear()
