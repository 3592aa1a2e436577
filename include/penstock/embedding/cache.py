"""One text is embedded once, ever: vectors kept by text and embedder fingerprint.

Vectors lie in the lake in packs (one ``.npy`` matrix of float32, shape (texts, dimension), an object named by its
SHA-256); the catalog knows which row of which pack belongs to a text, and what made the pack.
"""

from __future__ import annotations

import io
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from sqlalchemy import select

from penstock.batching import batched
from penstock.catalog import Catalog, insert_or_update
from penstock.catalog.schema import packs, texts
from penstock.embedding.base import Embedder, Vectors
from penstock.errors import ModelError
from penstock.ids import sha256
from penstock.lake import Kind, Lake

PACKS_IN_MEMORY = 4
"""Texts that are asked for together were mostly embedded together: a pack is seldom needed again once it is left."""


def text_hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Made:
    """What made a pack: the run, and the embedder's ``runtime``."""

    run_id: int
    runtime: Mapping[str, str]


class VectorCache:
    """The vectors of one embedder."""

    def __init__(self, catalog: Catalog, lake: Lake, fingerprint: str) -> None:
        self._catalog, self._lake, self._fingerprint = catalog, lake, fingerprint
        self._packs: OrderedDict[str, Vectors] = OrderedDict()

    def places(self, hashes: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Text hash → (pack, row) for those that are known."""
        found: dict[str, tuple[str, int]] = {}
        with self._catalog.read() as connection:
            for batch in batched(hashes):
                rows = connection.execute(
                    select(texts.c.text_hash, texts.c.pack, texts.c.position).where(
                        texts.c.embedder == self._fingerprint, texts.c.text_hash.in_(batch)
                    )
                )
                found.update((row.text_hash, (row.pack, row.position)) for row in rows)
        return found

    def missing(self, candidates: Mapping[str, str]) -> dict[str, str]:
        """Of hash → text, those that were never embedded."""
        known = self.places(candidates)
        return {name: text for name, text in candidates.items() if name not in known}

    def embed(self, candidates: Mapping[str, str], embedder: Embedder, run_id: int) -> int:
        """Embed what is missing and keep it, batch by batch; return how many texts that was."""
        wanted = self.missing(candidates)
        for hashes, part in parts(wanted, embedder):
            self.put(hashes, embed_checked(part, embedder), Made(run_id, embedder.runtime))
        return len(wanted)

    def put(self, hashes: Sequence[str], vectors: Vectors, made: Made | None) -> None:
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        data = buffer.getvalue()
        pack = sha256(data)
        self._lake.put(Kind.VECTORS, pack, data)
        rows = [
            {"text_hash": name, "embedder": self._fingerprint, "pack": pack, "position": position}
            for position, name in enumerate(hashes)
        ]
        with self._catalog.write() as connection:
            insert_or_update(connection, texts, rows)
            if made:
                now = self._catalog.now(connection)
                row = {"name": pack, "run_id": made.run_id, "runtime": dict(made.runtime), "made_at": now}
                insert_or_update(connection, packs, [row])

    def get(self, hashes: Sequence[str]) -> Vectors:
        """float32, shape (len(hashes), dimension). Raises ``ModelError`` for a text that was never embedded."""
        places = self.places(dict.fromkeys(hashes))
        unknown = [name for name in hashes if name not in places]
        if unknown:
            raise ModelError(f"{len(unknown)} texts have no vector, the first is {unknown[0]}; run the sync again")
        lines: defaultdict[str, list[int]] = defaultdict(list)  # by pack, so that each is read once
        for line, name in enumerate(hashes):
            lines[places[name][0]].append(line)
        found: dict[int, Vectors] = {}
        for pack, wanted in lines.items():
            found.update(zip(wanted, self._pack(pack)[[places[hashes[line]][1] for line in wanted]], strict=True))
        return np.stack([found[line] for line in range(len(hashes))])

    def made(self, pack: str) -> Made | None:
        """What made a pack; ``None`` where it was made before that was kept."""
        with self._catalog.read() as connection:
            row = connection.execute(select(packs).where(packs.c.name == pack)).one_or_none()
        return Made(row.run_id, row.runtime) if row else None

    def _pack(self, name: str) -> Vectors:
        if name in self._packs:
            self._packs.move_to_end(name)
            return self._packs[name]
        vectors: Vectors = np.load(io.BytesIO(self._lake.get(Kind.VECTORS, name)), allow_pickle=False)
        self._packs[name] = vectors
        if len(self._packs) > PACKS_IN_MEMORY:
            self._packs.popitem(last=False)
        return vectors


def parts(wanted: Mapping[str, str], embedder: Embedder) -> Iterator[tuple[list[str], list[str]]]:
    """Cut hash → text into what the embedder wants to have embedded and kept together, as hashes and texts."""
    hashes, values = list(wanted), list(wanted.values())
    for part in embedder.batches(values) if values else ():
        yield hashes[part], values[part]


def embed_checked(texts: Sequence[str], embedder: Embedder) -> Vectors:
    """Embed, and refuse what no index should hold: a wrong shape, NaN, or a length that is not 1.

    The gate looks at the same again over the staged rows; here it keeps a bad vector from being cached for ever.
    """
    vectors = embedder.embed_documents(texts)
    if vectors.shape != (len(texts), embedder.dimension):
        raise ModelError(f"the embedder returned shape {vectors.shape} for {len(texts)} texts of {embedder.dimension}")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.isfinite(lengths)) or np.any(np.abs(lengths - 1.0) > 1e-2):
        raise ModelError(f"the embedder returned vectors of length {lengths.min():.3f} to {lengths.max():.3f}, not 1")
    return vectors.astype(np.float32, copy=False)


class EmbeddingQueue:
    """Collects texts and embeds them in large batches, so that the embedder can sort by length.

    Batches are embedded in threads, two at a time: one keeps the cores busy while the other is cut into tokens or ends.
    ``add`` takes hash → text, looks at each text once, and waits only where two batches are still being embedded.
    Use it as a context manager: leaving it keeps every vector, or raises what the embedder raised and keeps the others.
    """

    AT_ONCE = 2
    FIRST, LARGEST = 96, 768
    """Texts a batch: the first are small, so that the embedder does not idle while the first documents are parsed."""

    def __init__(self, cache: VectorCache, embedder: Embedder, run_id: int) -> None:
        self._cache, self._embedder, self._run_id, self._batch = cache, embedder, run_id, self.FIRST
        self._seen: set[bytes] = set()
        self._waiting: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(self.AT_ONCE, thread_name_prefix="embed")
        self._running: deque[tuple[list[str], Future[Vectors]]] = deque()
        self.embedded = 0

    @property
    def distinct(self) -> int:
        return len(self._seen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self._threads.shutdown(cancel_futures=True)
            self._keep_finished()

    def add(self, candidates: Mapping[str, str]) -> None:
        for name, text in candidates.items():
            key = bytes.fromhex(name)
            if key not in self._seen:
                self._seen.add(key)
                self._waiting[name] = text
        if len(self._waiting) >= self._batch:
            self._start()

    def finish(self) -> None:
        """Embed what is left and keep every vector."""
        self._start()
        while self._running:
            self._keep_oldest()

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._batch = min(2 * self._batch, self.LARGEST)
        for hashes, part in parts(self._cache.missing(waiting), self._embedder):
            while len(self._running) >= self.AT_ONCE:
                self._keep_oldest()
            self._running.append((hashes, self._threads.submit(embed_checked, part, self._embedder)))

    def _keep_finished(self) -> None:
        """What was embedded beside a batch that failed may have cost money."""
        self._running = deque(one for one in self._running if not one[1].cancelled() and one[1].exception() is None)
        while self._running:
            self._keep_oldest()

    def _keep_oldest(self) -> None:
        hashes, vectors = self._running.popleft()
        self._cache.put(hashes, vectors.result(), Made(self._run_id, self._embedder.runtime))
        self.embedded += len(hashes)
