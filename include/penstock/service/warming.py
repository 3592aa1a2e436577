"""Models that may serve any moment are made ready before they do: no reader waits for one to be read and compiled."""

from __future__ import annotations

import anyio
import anyio.to_thread
import structlog

from penstock import manifest
from penstock.errors import PenstockError
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.settings import ApiEmbedderSettings

LOOK_EVERY_S = 5.0

log = structlog.get_logger("penstock")


async def keep_warm(platform: Platform, every_s: float = LOOK_EVERY_S) -> None:
    """Look for releases that wait, until it is cancelled; a look that a store never answers is left behind then."""
    warm: set[tuple[str, int]] = set()
    while True:
        await anyio.sleep(every_s)
        await anyio.to_thread.run_sync(warm_waiting, platform, warm, abandon_on_cancel=True)


def warm_waiting(platform: Platform, warm: set[tuple[str, int]]) -> None:
    """Open the embedders of the releases that wait, and have each embed something; ``warm`` remembers which were.

    A paid model is not asked. What fails is said in the log, once: the model may never go live.
    """
    try:
        for index, number, recipe in _waiting(platform):
            if (index, number) not in warm and not isinstance(recipe.embedder, ApiEmbedderSettings):
                warm.add((index, number))
                platform.embedder(recipe.embedder).embed_query("warm up")
    except PenstockError as error:
        log.warning("not warm: the first requests after a promotion will wait, or fail", error=str(error))


def _waiting(platform: Platform) -> list[tuple[str, int, Recipe]]:
    found = []
    with platform.catalog.read() as connection:
        for index in platform.settings.indexes:
            row = manifest.pending(connection, index)
            if row is not None:
                generation = manifest.generation_row(connection, index, row.generation)
                found.append((index, int(row.number), Recipe.of_generation(platform.settings, generation)))
    return found
