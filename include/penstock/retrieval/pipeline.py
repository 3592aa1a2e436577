"""One search, from the question to the cited passages, a stage after the other.

question → vector of the release's own embedder → candidates, filtered and fused in the store → near-duplicates
collapsed → reranked → located in their documents → joined to passages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy.engine import Row

from penstock import leases, manifest, whereabouts
from penstock.chunking import embedding_text
from penstock.errors import TransientModelError, UsageError
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, PUBLIC, Hit, Query
from penstock.retrieval.duplicates import Distinct, collapse
from penstock.retrieval.filters import require_known
from penstock.retrieval.passages import join
from penstock.retrieval.places import Place, locate, parsed_text
from penstock.retrieval.results import Also, Candidate, Citation, Found, Setup
from penstock.retrieval.trace import Trace
from penstock.settings import ChunkerSettings, RetrievalSettings

MAX_K = 1000
MODES = ("hybrid", "vector", "text")


def search(
    platform: Platform,
    index: str,
    text: str,
    as_of: int | None = None,
    principals: tuple[str, ...] = (),
    where: Mapping[str, str] | None = None,
    k: int = 10,
    mode: str | None = None,
    retrieval: RetrievalSettings | None = None,
) -> Found:
    """Find the ``k`` best chunks of the live release, or of release ``as_of``.

    ``mode`` and ``retrieval`` are the index's own where they are None.

    A reader sees what ``principals`` may see, and always what is public. Who may read is today's, whatever the release.
    Raises ``UsageError`` for a blank question, an unknown filter field or a release that cannot be read.
    """
    settings = retrieval or platform.settings.index(index).retrieval
    if mode is not None:
        settings = settings.model_copy(update={"mode": mode})
    _check(text, k, settings.mode, principals)
    whereabouts.require_here(platform, max_age_s=1.0)
    with platform.catalog.read() as connection:
        release = manifest.readable(connection, index, as_of)
    return _search(platform, release, text, principals, where or {}, k, settings)


def search_staged(
    platform: Platform,
    lease: Lease,
    number: int,
    text: str,
    principals: tuple[str, ...],
    where: Mapping[str, str],
    k: int,
    settings: RetrievalSettings,
) -> Found:
    """Ask a release that is staged and that no reader may see: for its gates alone.

    The ``lease`` is the proof: only the run that writes the index holds it, and no reader comes by one. Raises
    ``LeaseLostError`` where it is another's by now, ``UsageError`` where the release is not being staged.
    """
    _check(text, k, settings.mode, principals)
    leases.prove(platform.catalog, lease)
    with platform.catalog.read() as connection:
        release = manifest.release_row(connection, lease.index, number)
    if release.state != manifest.STAGING:
        raise UsageError(f"release {number} of {lease.index!r} is {release.state}; only one that is staged is checked")
    return _search(platform, release, text, principals, where, k, settings)


def _search(
    platform: Platform,
    release: Row[Any],
    text: str,
    principals: tuple[str, ...],
    where: Mapping[str, str],
    k: int,
    settings: RetrievalSettings,
) -> Found:
    index = str(release.index_name)
    with platform.catalog.read() as connection:
        generation = manifest.generation_row(connection, index, release.generation)
    recipe = Recipe.model_validate(generation.recipe).with_runtime_of(Recipe.of(platform.settings, index))
    require_known(where, recipe)
    trace = Trace()

    vector = [] if settings.mode == "text" else platform.embedder(recipe.embedder).embed_query(text).tolist()
    trace.after("embed", note="not needed" if settings.mode == "text" else "")

    query = Query(
        text=text,
        vector=vector,
        release=release.number,
        principals=tuple(sorted({PUBLIC, *principals})),
        where=dict(where),
        k=max(k, settings.candidates),
        mode=settings.mode,
        vector_weight=settings.vector_weight,
    )
    hits = platform.collection(generation.collection).search(query)
    trace.after("search", note=f"{len(hits)} candidates, {settings.mode}")
    for name in ("text", "vector") if settings.mode == "hybrid" else ():
        trace.after(name, _by(name, hits))
    trace.after("fused" if settings.mode == "hybrid" else settings.mode, _ids(hits))

    depth = max(k, settings.rerank_depth) if settings.rerank else k
    found = collapse(hits, settings.alike, depth) if settings.collapse else [Distinct(hit) for hit in hits[:depth]]
    trace.after("collapse", _ids(found), f"{sum(len(one.same) for one in found)} near-duplicates")

    found, note, left_out = _reranked(platform, settings, text, recipe.chunker, found)
    found = found[:k]
    trace.after("rerank", _ids(found), note, left_out)

    rows = [one.hit.row for one in found]
    places = locate(platform, index, release.number, rows)
    trace.after("cite")
    passages = join(rows, places, settings.neighbours, cache(partial(parsed_text, platform)))
    trace.after("join", note=f"{len(passages)} passages")
    cited = tuple(_citation(one, place) for one, place in zip(found, places, strict=True))
    put_forward = tuple(Candidate(hit.row.id, hit.score, dict(hit.scores)) for hit in hits)
    reranker = settings.rerank.model if settings.rerank else None
    setup = Setup(settings.mode, settings.fingerprint(), str(generation.embedder), reranker)
    return Found(index, release.number, text, cited, passages, tuple(trace.stages), put_forward, setup)


def _check(text: str, k: int, mode: str, principals: Sequence[str]) -> None:
    if not text.strip():
        raise UsageError("the question is blank; write some words to search for")
    if not 1 <= k <= MAX_K:
        raise UsageError(f"-k {k} will not do; it is between 1 and {MAX_K}")
    if mode not in MODES:
        raise UsageError(f"--mode {mode!r} will not do; it is one of {', '.join(MODES)}")
    if NOBODY in principals:
        raise UsageError(f"{NOBODY!r} is not a reader: it marks what no one may see")


def _reranked(
    platform: Platform, settings: RetrievalSettings, question: str, chunker: ChunkerSettings, found: list[Distinct]
) -> tuple[list[Distinct], str, bool]:
    """The hits in the reranker's order, a note, and whether it was left out: its API does not answer now."""
    if settings.rerank is None or not found:
        return found, "off" if settings.rerank is None else "", False
    passages = [embedding_text(one.hit.row, chunker) for one in found]
    try:
        ranking = platform.reranker(settings.rerank).rerank(question, passages)
    except TransientModelError as error:
        return found, f"left out: {error}", True
    ranked = [
        Distinct(Hit(found[place].hit.row, score, found[place].hit.scores), found[place].same)
        for place, score in ranking.hits
    ]
    return ranked, f"by {settings.rerank.model}", False


def _ids(found: Sequence[Hit | Distinct]) -> list[str]:
    return [(one.hit if isinstance(one, Distinct) else one).row.id for one in found]


def _by(name: str, hits: Sequence[Hit]) -> list[str]:
    """The candidates that one search found, in its order."""
    scored = [(hit.scores[name], hit.row.id) for hit in hits if name in hit.scores]
    return [id_ for _, id_ in sorted(scored, key=lambda one: (-one[0], one[1]))]


def _citation(one: Distinct, place: Place) -> Citation:
    row = one.hit.row
    return Citation(
        chunk_id=row.id,
        score=one.hit.score,
        text=row.text,
        source=row.source,
        key=row.key,
        title=row.title,
        headings=tuple(row.headings),
        page=place.page,
        revision=place.revision,
        start=place.start,
        end=place.end,
        document_id=row.document_id,
        fields=dict(row.fields),
        scores=dict(one.hit.scores),
        also=tuple(Also(hit.row.id, hit.row.source, hit.row.key) for hit in one.same),
    )
