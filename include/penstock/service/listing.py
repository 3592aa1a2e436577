"""The indexes and releases that there are, as readers see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from penstock import manifest
from penstock.filters.values import BUILT_IN
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.service.models import IndexView, ReleaseView, Sent


class Releases(Sent):
    releases: list[ReleaseView]


def releases(found: Iterable[Mapping[str, Any]]) -> Releases:
    return Releases(releases=[ReleaseView.model_validate(one) for one in found])


def indexes(platform: Platform) -> list[IndexView]:
    with platform.catalog.read() as connection:
        return [_index(platform, connection, name) for name in platform.settings.indexes]


def _index(platform: Platform, connection: Connection, name: str) -> IndexView:
    live, _ = manifest.pointer(connection, name)
    if live is None:
        return IndexView(name=name, release=None, published_at=None, documents=0, chunks=0, fields={})
    row = manifest.release_row(connection, name, live)
    recipe = Recipe.of_generation(platform.settings, manifest.generation_row(connection, name, row.generation))
    return IndexView(
        name=name,
        release=live,
        published_at=row.published_at,
        documents=row.documents,
        chunks=row.chunks,
        fields={**BUILT_IN, **recipe.fields},
    )
