"""Look before anything is kept or published: a few parsed documents of a source, or what a sync would do."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import Any

from sqlalchemy import select

from penstock import manifest, runs, wording
from penstock.catalog.schema import documents
from penstock.delta import Delta, base_entries, compute_delta
from penstock.embedding.cache import VectorCache
from penstock.errors import FetchError
from penstock.keys import file_name
from penstock.parsing import ParseJob
from penstock.planning import make_plan, too_large
from penstock.platform import Platform
from penstock.preparing import Outcome, Preparer
from penstock.progress import Progress
from penstock.records import Parsed, Reason, Refusal, SourceObject
from penstock.runs import Run
from penstock.settings import AnyEmbedder, ApiEmbedderSettings
from penstock.sync import ground

ELEMENTS_SHOWN = 8
DOCUMENTS_SHOWN = 50


def preview(platform: Platform, source: str, n: int = 5) -> list[dict[str, Any]]:
    """List, fetch and parse the first ``n`` documents of a source. Writes nothing, in no store."""
    listing = platform.source(source)
    shown: list[dict[str, Any]] = []
    fetched: dict[str, SourceObject] = {}
    jobs: list[ParseJob] = []
    limit = platform.settings.source(source).max_bytes
    for item in islice(listing.list(), n):
        refusal = too_large(item, source, limit).problem
        if refusal is None:
            try:
                data = item.content if item.content is not None else listing.fetch(item).data
                jobs.append(ParseJob(item.key, file_name(item.key), data))
                fetched[item.key] = item
                continue
            except FetchError as error:
                refusal = Refusal(Reason.SOURCE_ERROR, str(error))
        shown.append(_shown(item, refusal))
    pool = platform.parsers(platform.settings.parser)
    shown += [_shown(fetched[job.id], result) for job, result in pool.parse_many(jobs)]
    return sorted(shown, key=lambda one: str(one["key"]))


def _shown(item: SourceObject, result: Parsed | Refusal) -> dict[str, Any]:
    about: dict[str, Any] = {"key": item.key, "size_bytes": item.size_bytes, "principals": item.principals}
    if isinstance(result, Refusal):
        return {**about, "refusal": asdict(result)}
    return {
        **about,
        "refusal": None,
        "media_type": result.media_type,
        "title": result.title,
        "parser": result.parser,
        "n_elements": len(result.elements),
        "chars": len(result.text),
        "attachments": [one.name for one in result.attachments],
        "elements": [asdict(element) for element in result.elements[:ELEMENTS_SHOWN]],
    }


def plan(
    platform: Platform,
    index: str,
    only: str | None = None,
    verify: bool = False,
    wait_s: float = 0.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Say what a sync would do, exactly: what changed is fetched, parsed and chunked, and the next sync uses that.

    Nothing is embedded, staged, or changed for readers; changes of access are counted, not carried out. What it keeps
    it writes in its turn, as a run of its own: beside an erasure it could bring back what is being forgotten.
    """
    run = runs.begin(platform, index, "plan", {"source": only, "verify": verify}, wait_s)
    with runs.closing(platform, run):
        found = _planned(platform, run, only, verify, progress or Progress())
        listed = wording.count(found["listed"], "document")
        runs.finish(platform, run, runs.UNCHANGED, None, f"planned, and nothing published: {listed} listed")
    return found


def _planned(platform: Platform, run: Run, only: str | None, verify: bool, progress: Progress) -> dict[str, Any]:
    index = run.index
    on = ground(platform, index)
    progress.stage("list")
    found = make_plan(platform, index, on.base, on.recipe, only, verify)
    found.require_a_listing()
    progress.stage("prepare", len(found.work))
    outcomes: list[Outcome] = []
    texts: dict[str, str] = {}
    if found.work:
        embedder = platform.embedder(on.recipe.embedder)
        cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
        preparer = Preparer(platform, on.recipe, run.id, embedder, platform.parsers(on.recipe.parser), run.lease)
        for outcome, candidates in preparer.prepare(found.work):
            outcomes.append(outcome)
            texts |= candidates
            progress.advance()
        missing = cache.missing(texts)
        tokens = sum(len(spans) for spans in embedder.tokenizer.spans(list(missing.values()))) if missing else 0
    else:
        missing, tokens = {}, 0
    with platform.catalog.read() as connection:
        ids = [one.id for one in outcomes] + found.removed
        before = base_entries(connection, index, on.base, ids) if on.base else {}
        waiting = manifest.pending(connection, index)
    delta = compute_delta(before, outcomes, found.removed)
    return {
        "index": index,
        "base": on.base,
        "listed": found.counts["listed"],
        "new": delta.counts["new"],
        "changed": delta.counts["changed"],
        "unchanged": found.counts["unchanged"] + found.counts["carried"] + delta.counts["same"],
        "quarantined": found.counts["quarantined_before"] + delta.counts["quarantined"],
        "removed": len(delta.gone),
        "deferred": delta.counts["deferred"],
        "erased": found.counts["erased"],
        "access_changed": len(found.access),
        "texts": len(texts),
        "texts_to_embed": len(missing),
        "tokens_to_embed": tokens,
        "cost": _cost(platform, on.recipe.embedder, tokens),
        "documents": _named(platform, delta),
        "sources": found.sources,
        "reindex_would_change": list(on.pending_changes),
        "waiting": waiting.number if waiting else None,
    }


def _cost(platform: Platform, embedder: AnyEmbedder, tokens: int) -> dict[str, Any] | None:
    """What a paid model would bill, as far as can be known before it does; ``None`` for a model that costs nothing."""
    if not isinstance(embedder, ApiEmbedderSettings):
        return None
    return {
        "model": embedder.model,
        "counted_by": str(embedder.tokenizer) if embedder.tokenizer else None,
        "price": platform.settings.prices.of(embedder.model, tokens),
        "currency": platform.settings.prices.currency,
        "budget_tokens": embedder.budget_tokens,
    }


def _named(platform: Platform, delta: Delta) -> list[dict[str, Any]]:
    change = {
        one.id: "quarantined" if one.refusal else "changed" if one.id in delta.known else "new" for one in delta.put
    }
    change |= dict.fromkeys(delta.gone, "removed")
    ids = list(change)[:DOCUMENTS_SHOWN]
    with platform.catalog.read() as connection:
        rows = connection.execute(select(documents).where(documents.c.id.in_(ids))).all()
    named = [{"change": change[row.id], "source": row.source, "key": row.key} for row in rows]
    return sorted(named, key=lambda one: (one["change"], one["key"] or ""))
