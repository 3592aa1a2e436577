"""One search, from the question to the cited passages, a stage after the other.

question → vector of the release's own embedder → candidates, filtered and fused in the store → near-duplicates
collapsed → reranked → located in their documents → joined to passages
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy.engine import Row

from penstock import champions, leases, manifest, whereabouts
from penstock.chunking import embedding_text
from penstock.errors import ModelError, PrunedReleaseError, TransientModelError, UsageError
from penstock.filters import Condition, parse
from penstock.filters.values import BUILT_IN
from penstock.index.rules import MODES
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, PUBLIC, Hit, Query
from penstock.retrieval.duplicates import Distinct, collapse
from penstock.retrieval.passages import join
from penstock.retrieval.places import Place, locate, parsed_text
from penstock.retrieval.questions import QuestionVectors
from penstock.retrieval.results import Also, Candidate, Citation, Found, Setup
from penstock.retrieval.trace import Trace
from penstock.settings import ChunkerSettings, RetrievalSettings
from penstock.wording import count
from penstock.words import is_blank

MAX_K = 1000

log = structlog.get_logger("penstock")


def search(
    platform: Platform,
    index: str,
    text: str,
    as_of: int | None = None,
    principals: tuple[str, ...] = (),
    where: str | Condition | None = None,
    k: int = 10,
    mode: str | None = None,
    retrieval: RetrievalSettings | None = None,
) -> Found:
    """Find the ``k`` best chunks of the live release, or of release ``as_of``.

    ``mode`` and ``retrieval`` are the index's own where they are None, with its champion reranker; release and
    champions are read together.

    A reader sees what ``principals`` may see, and always what is public. Who may read is today's, whatever the release.
    ``where`` is a filter, in the language of ``penstock.filters``, on the fields that the release has.
    Raises ``UsageError`` for a blank question or a release that cannot be read, ``FilterError``;
    ``PrunedReleaseError`` also where release ``as_of`` was pruned before the search ended.
    """
    configured = retrieval or platform.settings.index(index).retrieval
    _check(text, k, mode or configured.mode, principals)
    whereabouts.require_here(platform, max_age_s=1.0)
    with platform.catalog.read() as connection:
        release = manifest.opened(connection, index, as_of)
    manifest.require_readable(release)
    settings = retrieval or champions.retrieval(platform, index, release.models or {})
    if mode is not None:
        settings = settings.model_copy(update={"mode": mode})
    try:
        return _search_kept(platform, release, text, principals, where, k, settings)
    except PrunedReleaseError:
        if as_of is not None:
            raise
        return search(platform, index, text, as_of, principals, where, k, mode, retrieval)  # live is another by now


def _search_kept(platform: Platform, release: Row[Any], *asked: Any) -> Found:
    """The search, and proof that its release was kept until it ended: pruning takes rows away without a word."""
    try:
        return _search(platform, release, *asked)
    finally:
        require_kept(platform, release)


def require_kept(platform: Platform, release: Row[Any]) -> None:
    """Raise ``PrunedReleaseError`` where a release that was opened cannot be read any more."""
    with platform.catalog.read() as connection:
        manifest.require_readable(manifest.opened(connection, release.index_name, release.number))


def search_staged(
    platform: Platform,
    lease: Lease,
    number: int,
    text: str,
    principals: tuple[str, ...],
    where: str | Condition | None,
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
        release = manifest.opened(connection, lease.index, number)
    if release.state != manifest.STAGING:
        raise UsageError(f"release {number} of {lease.index!r} is {release.state}; only one that is staged is checked")
    return _search(platform, release, text, principals, where, k, settings)


def _search(
    platform: Platform,
    release: Row[Any],
    text: str,
    principals: tuple[str, ...],
    where: str | Condition | None,
    k: int,
    settings: RetrievalSettings,
) -> Found:
    """Ask a release, as ``manifest.opened`` gives it."""
    recipe = Recipe.of_generation(platform.settings, release)
    trace = Trace()
    deep = max(k, settings.candidates)
    candidates = put_forward(platform, release, recipe, text, principals, where, deep, settings, trace)

    found = in_order(platform, settings, text, recipe.chunker, candidates, k, trace)
    left_out = trace.stages[-1].left_out

    places = locate(platform, release.index_name, release.number, [one.hit.row for one in found])
    cited = [(one, place) for one, place in zip(found, places, strict=True) if place]
    trace.after("cite", note=f"{len(found) - len(cited)} erased just now" if len(cited) < len(found) else "")
    passages = join([(one.hit.row, place) for one, place in cited], settings.neighbours, partial(parsed_text, platform))
    trace.after("join", note=count(len(passages), "passage") + ("" if settings.neighbours else ", neighbours off"))
    hits = tuple(_citation(one, place) for one, place in cited)
    scored = tuple(Candidate(hit.row.id, hit.score, dict(hit.scores)) for hit in candidates)
    reranker = platform.reranker(settings.rerank).name if settings.rerank and found and not left_out else None
    written = where if isinstance(where, str) else None
    setup = Setup(settings.mode, settings.fingerprint(), str(release.embedder), reranker, written)
    return Found(
        index=release.index_name,
        release=release.number,
        query=text,
        hits=hits,
        passages=passages,
        stages=tuple(trace.stages),
        candidates=scored,
        setup=setup,
        champions=dict(release.models or {}),
    )


def put_forward(
    platform: Platform,
    release: Row[Any],
    recipe: Recipe,
    text: str,
    principals: Sequence[str],
    where: str | Condition | None,
    k: int,
    settings: RetrievalSettings,
    trace: Trace,
    vectors: QuestionVectors | None = None,
) -> list[Hit]:
    """The ``k`` candidates of a release (as ``manifest.opened`` gives it), as the store ranks them.

    ``recipe`` is the release's own: its embedder makes the question's vector, its fields are what ``where`` may name.
    Raises ``FilterError``.
    """
    condition = condition_of(where, recipe)  # a filter that will not do costs no embedding
    vector = [] if settings.mode == "text" else (vectors or QuestionVectors(platform)).of(recipe.embedder, text)
    trace.after("embed", note="not needed" if settings.mode == "text" else "")
    query = Query(
        text=text,
        vector=vector,
        release=release.number,
        principals=as_readers(principals),
        where=condition,
        k=k,
        mode=settings.mode,
        vector_weight=settings.vector_weight,
    )
    candidates = platform.collection(release.collection).search(query)
    trace.after("search", note=f"{count(len(candidates), 'candidate')}, {settings.mode}")
    for name in ("text", "vector") if settings.mode == "hybrid" else ():
        trace.after(name, _by(name, candidates))
    trace.after("fused" if settings.mode == "hybrid" else settings.mode, _ids(candidates))
    return candidates


def as_readers(principals: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({PUBLIC, *principals}))


def condition_of(where: str | Condition | None, recipe: Recipe) -> Condition | None:
    """The filter, read by the fields of a release. Raises ``FilterError``."""
    return parse(where, {**BUILT_IN, **recipe.fields}) if isinstance(where, str) else where


def in_order(
    platform: Platform,
    settings: RetrievalSettings,
    text: str,
    chunker: ChunkerSettings,
    candidates: Sequence[Hit],
    k: int,
    trace: Trace,
) -> list[Distinct]:
    """The ``k`` best of the candidates as a reader gets them: near-duplicates collapsed, then reranked."""
    found = _collapsed(settings, candidates, max(k, settings.rerank_depth) if settings.rerank else k)
    note = count(sum(len(one.same) for one in found), "near-duplicate") if settings.collapse else "off"
    trace.after("collapse", _ids(found), note)

    found, note, left_out = _reranked(platform, settings, text, chunker, found)
    found = found[:k]
    trace.after("rerank", _ids(found), note, left_out)
    return found


def _collapsed(settings: RetrievalSettings, hits: Sequence[Hit], depth: int) -> list[Distinct]:
    """The best ``depth`` hits, near-duplicates of a better one kept with it where the settings ask for that."""
    return collapse(hits, settings.alike, depth) if settings.collapse else [Distinct(hit) for hit in hits[:depth]]


def _check(text: str, k: int, mode: str, principals: Sequence[str]) -> None:
    if is_blank(text):
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
    """The hits in the reranker's order, a note, and whether it was left out: it did not answer, or not as it should.

    A reader is better served by hits in the order of the search than by an error that only an operator can mend."""
    if settings.rerank is None or not found:
        return found, "off" if settings.rerank is None else "", False
    passages = [embedding_text(one.hit.row, chunker) for one in found]
    reranker = platform.reranker(settings.rerank)
    try:
        ranking = reranker.rerank(question, passages)
    except ModelError as error:
        report = log.warning if isinstance(error, TransientModelError) else log.error
        report("search.rerank_left_out", reranker=reranker.name, reason=str(error))
        return found, f"left out: {error}", True
    ranked = [
        Distinct(Hit(found[place].hit.row, score, found[place].hit.scores), found[place].same)
        for place, score in ranking.hits
    ]
    return ranked, f"by {reranker.name}", False


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
