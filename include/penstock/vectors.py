"""Take cached vectors away: those of texts that nothing holds any more, and those that the lake lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from sqlalchemy import delete, select

from penstock import chunking
from penstock.batching import batched
from penstock.catalog.schema import chunkings, generations, packs, texts
from penstock.embedding.cache import VectorCache, text_hash
from penstock.errors import StoreError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.settings import ChunkerSettings


def texts_only_in(platform: Platform, lists: Collection[str], kept: Collection[str] = ()) -> tuple[set[str], int]:
    """Hashes of the texts that only these chunk lists hold, and how many of theirs, and of ``kept``, others hold too.

    Reads every chunk list there is: forgetting is rare, and being sure is worth it.
    """
    with platform.catalog.read() as connection:
        recipes = [Recipe.model_validate(row.recipe) for row in connection.execute(select(generations.c.recipe))]
        others = set(connection.execute(select(chunkings.c.key)).scalars()) - set(lists)
        embedded = set(connection.execute(select(texts.c.text_hash)).scalars())
    settings = {recipe.chunker for recipe in recipes}
    own, all_read = _hashes(platform, lists, settings)
    kept_hashes, _ = _hashes(platform, kept, settings)
    if all_read and not own:
        return set(), len(kept_hashes)
    held, _ = _hashes(platform, others, settings)
    if not all_read:
        own |= embedded - held  # what a lost list held nobody can say; a text is embedded again when needed
    return own - held, len((own & held) | kept_hashes)


def _hashes(platform: Platform, lists: Collection[str], settings: Collection[ChunkerSettings]) -> tuple[set[str], bool]:
    """Hashes of the texts that the chunk lists hold, and whether all of the lists could be read."""
    found: set[str] = set()
    all_read = True
    for name in lists:
        try:
            chunks = chunking.from_json(platform.lake.get(Kind.CHUNKS, name))
        except StoreError:
            all_read = False
            continue
        found |= {text_hash(chunking.embedding_text(chunk, one)) for chunk in chunks for one in settings}
    return found, all_read


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
        made = cache.made(pack)
        try:
            vectors = cache.get(kept) if kept else None
        except StoreError:  # the lake lost the pack: its other texts are embedded again when one needs them
            vectors = None
        with catalog.write() as connection:
            connection.execute(delete(texts).where(texts.c.pack == pack, texts.c.embedder == embedder))
            connection.execute(delete(packs).where(packs.c.name == pack))
        if vectors is not None:
            cache.put(kept, vectors, made)
        lake.delete(Kind.VECTORS, [pack])
    return sum(len(names) for names in doomed.values())


def lost_packs(platform: Platform) -> Iterator[tuple[str, StoreError]]:
    """Packs that the catalog names and that the lake lost or altered, each with what is wrong. Reads all of them."""
    with platform.catalog.read() as connection:
        packs = sorted(connection.execute(select(texts.c.pack).distinct()).scalars())
    for pack in packs:
        try:
            platform.lake.check(Kind.VECTORS, pack)
        except StoreError as error:
            yield pack, error


def forget_lost_packs(platform: Platform) -> int:
    """Forget vectors that cannot be read, so that their texts are embedded again where one needs them."""
    lost = [pack for pack, _error in lost_packs(platform)]
    with platform.catalog.write() as connection:
        for batch in batched(lost):
            connection.execute(delete(texts).where(texts.c.pack.in_(batch)))
            connection.execute(delete(packs).where(packs.c.name.in_(batch)))
    platform.lake.delete(Kind.VECTORS, lost)
    return len(lost)
