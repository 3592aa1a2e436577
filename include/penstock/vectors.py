"""Take cached vectors away: those of texts that nothing holds any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import delete, select

from penstock import chunking
from penstock.catalog import batched
from penstock.catalog.schema import chunkings, generations, texts
from penstock.embedding.cache import VectorCache, text_hash
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.recipe import Recipe


def texts_only_in(platform: Platform, lists: Collection[str], kept: Collection[str] = ()) -> tuple[set[str], int]:
    """Hashes of the texts that only these chunk lists hold, and how many of theirs, and of ``kept``, others hold too.

    Reads every chunk list there is: forgetting is rare, and being sure is worth it.
    """
    with platform.catalog.read() as connection:
        recipes = [Recipe.model_validate(row.recipe) for row in connection.execute(select(generations.c.recipe))]
        others = set(connection.execute(select(chunkings.c.key)).scalars()) - set(lists)
    settings = {recipe.chunker for recipe in recipes}

    def hashes(names: Collection[str]) -> set[str]:
        return {
            text_hash(chunking.embedding_text(chunk, setting))
            for name in names
            if platform.lake.has(Kind.CHUNKS, name)
            for chunk in chunking.from_json(platform.lake.get(Kind.CHUNKS, name))
            for setting in settings
        }

    own = hashes(lists)
    shared = own & hashes(others) if own else set()
    return own - shared, len(shared | hashes(kept))


def delete_vectors(platform: Platform, hashes: Collection[str]) -> int:
    """Rewrite the packs that hold vectors of these texts without them; return how many vectors went."""
    catalog, lake = platform.catalog, platform.lake
    doomed: dict[tuple[str, str], set[str]] = defaultdict(set)
    with catalog.read() as connection:
        for batch in batched(hashes):
            for row in connection.execute(select(texts).where(texts.c.text_hash.in_(batch))):
                doomed[row.embedder, row.pack].add(row.text_hash)
    for (embedder, pack), names in doomed.items():
        with catalog.read() as connection:
            rows = connection.execute(
                select(texts).where(texts.c.pack == pack, texts.c.embedder == embedder).order_by(texts.c.position)
            ).all()
        kept = [row.text_hash for row in rows if row.text_hash not in names]
        cache = VectorCache(catalog, lake, embedder)
        vectors = cache.get(kept) if kept else None
        with catalog.write() as connection:
            connection.execute(delete(texts).where(texts.c.pack == pack, texts.c.embedder == embedder))
        if vectors is not None:
            cache.put(kept, vectors)
        lake.delete(Kind.VECTORS, [pack])
    return sum(len(names) for names in doomed.values())
