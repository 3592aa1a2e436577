"""Whether the service lives, and whether it can answer: for those who start, stop and route to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from penstock import manifest, retrieval, whereabouts
from penstock.errors import PenstockError, StoreError
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.service import problems
from penstock.service.patience import WAIT_S, InOneThread
from penstock.service.problems import Fault, Problem, ProblemResponse
from penstock.settings import ApiEmbedderSettings

log = structlog.get_logger("penstock")
router = APIRouter()


class Healthy(BaseModel):
    status: Literal["ok"] = "ok"


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_description="It does")
async def healthz() -> Healthy:
    """The process answers."""
    return Healthy()  # with no thread: they may all be waiting for a store


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz", response_model=Healthy, response_description="All of it can", responses={503: {"model": Problem}}
)
async def readyz(request: Request) -> Response:
    """The catalog answers and can be written, and the collection and the embedder of every live index can be opened."""
    faults = await request.app.state.service.readiness.faults()
    if not faults:
        return Response(Healthy().model_dump_json(), media_type="application/json")
    detail = f"{', '.join(one.at for one in faults)} cannot be used. {problems.OPERATOR}"
    found = problems.problem(problems.NOT_READY, detail, request.state.instance, faults)
    for fault in faults:
        log.error("not ready", at=fault.at, error=fault.problem, instance=request.state.instance)
    return ProblemResponse(found, {"Retry-After": str(problems.RETRY_AFTER_S)})


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    return Response(
        await request.app.state.service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


class Readiness:
    """Looks whether all of it can be used, for everybody who asks at that time."""

    def __init__(self, platform: Platform) -> None:
        self._at = "catalog"
        self._look = InOneThread(lambda: unready(platform, self._looks_at))

    async def faults(self) -> list[Fault]:
        """What cannot be used now, or does not answer: then what comes after it has not been looked at."""
        try:
            return await self._look.result()
        except TimeoutError:
            return [Fault(at=self._at, problem=f"it did not answer within {WAIT_S:g} s")]

    def _looks_at(self, part: str) -> None:
        self._at = part


def unready(platform: Platform, looks_at: Callable[[str], None]) -> list[Fault]:
    """What cannot be used now; ``looks_at`` is told each part first. Errors' own words are for the log."""
    looks_at("catalog")
    try:
        live = live_recipes(platform)
        whereabouts.require_here(platform)
    except PenstockError as error:
        return [Fault(at="catalog", problem=str(error))]
    faults = []
    for part, use in _parts(platform, live):
        looks_at(part)
        try:
            use()
        except PenstockError as error:
            faults.append(Fault(at=part, problem=str(error)))
    return faults


def _parts(platform: Platform, live: Mapping[str, tuple[str, Recipe]]) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "catalog: writing", platform.catalog.require_writable
    for index, (collection, recipe) in live.items():
        yield f"{index}: collection", partial(_require_collection, platform, index, collection)
        yield f"{index}: embedder", partial(platform.embedder, recipe.embedder)


def _require_collection(platform: Platform, index: str, collection: str) -> None:
    if not platform.stands(collection):
        raise StoreError(f"the store has no collection {collection!r}; run `penstock verify {index}`")


def live_recipes(platform: Platform) -> dict[str, tuple[str, Recipe]]:
    """By index that something is live of: the live collection and what made it."""
    found = {}
    with platform.catalog.read() as connection:
        for index in platform.settings.indexes:
            generation = manifest.serving(connection, index)
            if generation is not None:
                row = manifest.generation_row(connection, index, generation)
                found[index] = str(row.collection), Recipe.of_generation(platform.settings, row)
    return found


def warm_up(platform: Platform) -> None:
    """Ask every live index something, so that no reader waits for a model to be read and compiled.

    What fails is said in the log and by ``/readyz``; the service starts. A paid model is not asked.
    """
    try:
        for index, (_, recipe) in live_recipes(platform).items():
            paid = isinstance(recipe.embedder, ApiEmbedderSettings)
            retrieval.search(platform, index, "warm up", k=1, mode="text" if paid else None)
        platform.recorder.digests  # noqa: B018 - whoever comes first makes their key
    except PenstockError as error:
        log.warning("not warm: the first requests will wait, or fail", error=str(error))
