"""Fetch, parse and chunk the documents that a plan names. What was made before from the same bytes is used again.

Everything made here is keyed by what it was made from, so preparing is safe to repeat, to interrupt and to run on
several workers at once; nothing of it is visible to readers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select

from penstock import chunking
from penstock.catalog.schema import parses
from penstock.embedding.base import Embedder
from penstock.embedding.cache import text_hash
from penstock.errors import FetchError, StoreError, TransientFetchError
from penstock.graves import buried_name, graves
from penstock.ids import document_id, hash_of, sha256
from penstock.keys import ATTACHMENT, UNNAMED, named_title, parse_key, told_name
from penstock.lake import Kind
from penstock.leases import Lease
from penstock.parsing import ParseJob, ParserPool, from_json, parser_fingerprint, to_json
from penstock.pending import Item, PendingRows
from penstock.planning import Work, canonical
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import Attachment, Chunk, Fetched, Parsed, Reason, Refusal, SourceObject
from penstock.sources import TooLargeError
from penstock.sources.base import FETCH_THREADS

FETCH_TRIES = 3
ERASED = Refusal(
    Reason.ERASED,
    "a document with these very bytes was erased",
    "delete it at the source; `penstock log` says who erased it and why",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document: indexed, quarantined, or deferred (not fetched; its last revision stays served)."""

    id: str
    parent_id: str | None
    state: str
    fields: str
    revision: str | None = None
    parse_key: str | None = None
    chunks_key: str | None = None
    chunks: int = 0
    tokens: int = 0
    title: str = ""
    refusal: Refusal | None = None
    attachments: int = 0
    size_bytes: int = 0
    parsed_now: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Outcome:
        if value["refusal"] is None:
            return cls(**value)
        refusal = {**value["refusal"], "reason": Reason(value["refusal"]["reason"])}
        return cls(**{**value, "refusal": Refusal(**refusal)})


@dataclass
class Preparer:
    """Prepares documents under one recipe for one run, which holds ``lease``.

    ``prepare`` yields each outcome with its texts to embed, ``{text hash: text}``, as soon as it is known.
    """

    platform: Platform
    recipe: Recipe
    run_id: int
    embedder: Embedder
    pool: ParserPool
    lease: Lease
    verify: bool = False
    """Read what the lake holds of each document, and make again what is altered; else being there is enough."""
    fetched: int = 0
    fetched_bytes: int = 0
    _attached: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipe.require_room(self.embedder)
        self._parser = parser_fingerprint(self.recipe.parser)
        self._chunker = chunking.chunker_fingerprint(self.recipe.chunker, self.embedder.tokenizer_fingerprint)
        self._fresh = PendingRows(self.platform, self.run_id, self.lease)
        self._graves = graves(self.platform)

    def prepare(self, work: Iterable[Work]) -> Iterator[tuple[Outcome, dict[str, str]]]:
        level = (Item(one, None, 0) for one in work)
        while level:
            self._attached = []
            yield from self._prepare_level(level)
            level = self._attached  # type: ignore[assignment]
        self._fresh.flush()

    def _prepare_level(self, items: Iterable[Item]) -> Iterator[tuple[Outcome, dict[str, str]]]:
        ready: deque[tuple[Outcome, dict[str, str]]] = deque()
        parsing: dict[str, list[Item]] = {}  # parse key → the documents that wait for it: equal bytes are parsed once

        def jobs() -> Iterator[ParseJob]:
            for item in self._fetch_all(items, ready):
                item.parse_key = parse_key(item.revision, item.work.key, self._parser)
                if item.parse_key in parsing:
                    parsing[item.parse_key].append(item)
                    item.data = None
                    continue
                known = self._known_parse(item)
                if known is not None:
                    ready.append(known)
                    continue
                parsing[item.parse_key] = [item]
                data = item.data if item.data is not None else self.platform.lake.get(Kind.BYTES, item.revision)
                item.data = None
                # The parser is told what the parse is named by and no more: another document may share the parse, and
                # must not come by this one's name.
                yield ParseJob(item.parse_key, told_name(item.work.key), data)

        for job, result in self.pool.parse_many(jobs()):
            first, *equal = parsing.pop(job.id)
            yield self._parsed(first, result)
            for item in equal:
                known = self._known_parse(item)
                assert known is not None, "a parse that was just made is known"
                yield known
            while ready:
                yield ready.popleft()
        yield from ready

    # fetching

    def _fetch_all(self, items: Iterable[Item], ready: deque[tuple[Outcome, dict[str, str]]]) -> Iterator[Item]:
        """Yield items whose bytes are in the lake; those that cannot be had go to ``ready`` with their reason."""
        waiting: deque[tuple[Item, Future[Fetched]]] = deque()
        with ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="fetch") as threads:
            for item in items:
                if (refused := self._refused_unseen(item)) is not None:
                    ready.append((refused, {}))
                elif item.revision or item.work.revision:
                    item.revision = item.revision or item.work.revision or ""
                    if item.work.hint is not None:
                        self._fresh.document(item)
                    if buried_name(item.revision) in self._graves.bytes:
                        ready.append((self._outcome(item, "quarantined", refusal=ERASED), {}))
                        continue
                    if item.parent_id is None:  # known already, unless the listing brought the bytes
                        self._fresh.revision(item, item.work.size_bytes)
                    yield item
                else:
                    waiting.append((item, threads.submit(self._fetch, item.work)))
                    if len(waiting) >= 2 * FETCH_THREADS:
                        yield from self._fetched(*waiting.popleft(), ready)
            while waiting:
                yield from self._fetched(*waiting.popleft(), ready)

    def _refused_unseen(self, item: Item) -> Outcome | None:
        problem = item.work.problem
        if problem is None and item.depth > self.recipe.parser.max_attachment_depth:
            problem = Refusal(
                Reason.TOO_DEEP, f"attached {item.depth} levels deep", "raise parser.max_attachment_depth"
            )
        if problem is None:
            return None
        self._fresh.document(item)
        return self._outcome(item, "quarantined", refusal=problem)

    def _fetch(self, work: Work) -> Fetched:
        source = self.platform.source(work.source)
        for attempt in range(FETCH_TRIES):
            try:
                return source.fetch(_source_object(work))
            except TransientFetchError:
                if attempt == FETCH_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _fetched(
        self, item: Item, future: Future[Fetched], ready: deque[tuple[Outcome, dict[str, str]]]
    ) -> Iterator[Item]:
        try:
            fetched = future.result()
        except TooLargeError as error:
            refusal = Refusal(Reason.TOO_LARGE, str(error), f"raise sources.{item.work.source}.max_bytes")
            self._fresh.document(item)
            ready.append((self._outcome(item, "quarantined", refusal=refusal), {}))
            return
        except FetchError as error:
            refusal = Refusal(Reason.SOURCE_ERROR, str(error), "it is fetched again with every sync")
            self._fresh.document(item, problem=refusal)
            ready.append((self._outcome(item, "deferred", refusal=refusal), {}))
            return
        data = fetched.data
        self.fetched += 1
        self.fetched_bytes += len(data)
        item.revision = sha256(data)
        if buried_name(item.revision) in self._graves.bytes:
            self._fresh.document(item)
            ready.append((self._outcome(item, "quarantined", refusal=ERASED), {}))
            return
        item.data = data
        self.platform.lake.put_bytes(data)
        self._fresh.revision(item, len(data), fetched.version)
        self._fresh.document(item)
        yield item

    # parsing and chunking

    def _known_parse(self, item: Item) -> tuple[Outcome, dict[str, str]] | None:
        row: Any = self._fresh.known_parse(item.parse_key)
        if row is None:
            with self.platform.catalog.read() as connection:
                row = connection.execute(select(parses).where(parses.c.key == item.parse_key)).mappings().one_or_none()
        if row is None:
            return None
        if row["reason"] is not None:
            refusal = Refusal(Reason(row["reason"]), row["detail"] or "", row["remedy"] or "")
            return self._outcome(item, "quarantined", refusal=refusal), {}
        if not self._whole(item.parse_key, row["attachments"]):
            return None  # the lake lost something of it: parse again
        return self._chunked(item, None, row["title"], row["attachments"])

    def _whole(self, parse_key: str, attachments: list[list[str]]) -> bool:
        """Whether the lake holds a parse and the bytes of what is attached."""
        return all(self._held(kind, name) for kind, name in self._parts(parse_key, attachments))

    def _parts(self, parse_key: str, attachments: list[list[str]]) -> Iterator[tuple[Kind, str]]:
        yield Kind.PARSED, parse_key
        for _name, revision, *_problem in attachments:
            if revision and buried_name(revision) not in self._graves.bytes:
                yield Kind.BYTES, revision

    def _held(self, kind: Kind, name: str) -> bool:
        if not self.verify:
            return self.platform.lake.has(kind, name)
        try:
            data = self.platform.lake.get(kind, name)
            return kind is not Kind.PARSED or from_json(data) is not None
        except StoreError:
            return False

    def _parsed(self, item: Item, result: Parsed | Refusal) -> tuple[Outcome, dict[str, str]]:
        if isinstance(result, Refusal):
            self._fresh.parse(item, self._parser, refusal=result)
            return self._outcome(item, "quarantined", refusal=result, parsed_now=True), {}
        attachments = [self._kept_attachment(one) for one in result.attachments]
        self.platform.lake.put(Kind.PARSED, item.parse_key, to_json(result))
        self._fresh.parse(item, self._parser, parsed=result, attachments=attachments)
        return self._chunked(item, result, result.title, attachments)

    def _chunked(
        self, item: Item, parsed: Parsed | None, title: str, attachments: list[list[str]]
    ) -> tuple[Outcome, dict[str, str]]:
        chunks_key = hash_of("chunks", item.parse_key, self._chunker)
        parsed_now = parsed is not None
        chunks = None if parsed_now else self._known_chunks(chunks_key)
        if chunks is None:
            parsed = parsed or from_json(self.platform.lake.get(Kind.PARSED, item.parse_key))
            chunks = chunking.chunk(parsed, self.embedder.tokenizer, self.recipe.chunker, self.embedder.max_tokens)
            self.platform.lake.put(Kind.CHUNKS, chunks_key, chunking.to_json(chunks))
            self._fresh.chunking(chunks_key, item.parse_key, chunks)
        kept = [one for one in attachments if self._attach(item, *one)]
        outcome = self._outcome(
            item,
            "indexed",
            chunks_key=chunks_key,
            chunks=len(chunks),
            tokens=sum(chunk.tokens for chunk in chunks),
            title=title if title != UNNAMED else named_title(item.work.key),
            attachments=len(kept),
            parsed_now=parsed_now,
        )
        return outcome, embedding_texts(chunks, self.recipe)

    def _known_chunks(self, chunks_key: str) -> list[Chunk] | None:
        """A chunk list of the lake; ``None`` where it was never made, was lost, or was altered."""
        try:
            return chunking.from_json(self.platform.lake.get(Kind.CHUNKS, chunks_key))
        except StoreError:
            return None

    def _kept_attachment(self, one: Attachment) -> list[str]:
        """As the catalog keeps it: name and hash, or name, no hash, and why there are no bytes."""
        if one.problem:
            return [one.name, "", one.problem.reason, one.problem.detail, one.problem.remedy]
        return [one.name, self._keep(one.data)]

    def _keep(self, data: bytes) -> str:
        """Keep an attachment's bytes, unless bytes like them were erased; return their name."""
        name = sha256(data)
        if buried_name(name) not in self._graves.bytes:
            self.platform.lake.put_bytes(data)
        return name

    def _attach(self, parent: Item, name: str, revision: str, *problem: str) -> bool:
        """Take an attachment up as a document of its own, unless that document was erased."""
        key = f"{parent.work.key}{ATTACHMENT}{name}"
        id_ = document_id(parent.work.source, key)
        if id_ in self._graves.documents:
            return False
        work = Work(
            id=id_,
            source=parent.work.source,
            key=key,
            size_bytes=0,
            hint="",
            principals=parent.work.principals,
            fields=parent.work.fields,
            revision=revision,
            problem=Refusal(Reason(problem[0]), *problem[1:]) if problem else None,
        )
        item = Item(work, parent.work.id, parent.depth + 1, revision=revision)
        if revision:
            self._fresh.revision(item, 0)
        self._attached.append(item)
        return True

    def _outcome(self, item: Item, state: str, **more: Any) -> Outcome:
        return Outcome(
            id=item.work.id,
            parent_id=item.parent_id,
            state=state,
            fields=canonical(dict(item.work.fields)),
            revision=item.revision or None,
            parse_key=item.parse_key or None,
            size_bytes=item.work.size_bytes,
            **more,
        )


def embedding_texts(chunks: Iterable[Chunk], recipe: Recipe) -> dict[str, str]:
    """Text hash → text, for the distinct texts that the chunks are embedded as."""
    texts = (chunking.embedding_text(chunk, recipe.chunker) for chunk in chunks)
    return {text_hash(text): text for text in texts}


def _source_object(work: Work) -> SourceObject:
    return SourceObject(
        key=work.key, size_bytes=work.size_bytes, hint=work.hint or "", fields=work.fields, locator=work.locator
    )
