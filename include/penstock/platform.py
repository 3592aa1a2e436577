"""One opened installation: settings, catalog, lake, and the parts that are opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from penstock.catalog import Catalog
from penstock.embedding.base import Embedder
from penstock.errors import ConfigError
from penstock.index.base import VectorIndex
from penstock.lake import Lake
from penstock.settings import EmbedderSettings, Settings, load
from penstock.sources.base import Source

Connections = Callable[[str], Mapping[str, Any] | None]


class Platform:
    """What every step is handed. ``connections`` resolves a connection's name to its parts (Airflow's, or the
    environment's). Opening a platform opens nothing; each part opens on use.
    """

    def __init__(self, settings: Settings | None = None, connections: Connections | None = None) -> None:
        self.settings = settings or load()
        self._connections = connections
        self._embedders: dict[EmbedderSettings, Embedder] = {}
        self._collections: dict[str, VectorIndex] = {}
        self._sources: dict[str, Source] = {}

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.settings.catalog_url)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_url)

    def source(self, name: str) -> Source:
        if name not in self._sources:
            self._sources[name] = self._open_source(name)
        return self._sources[name]

    def _open_source(self, name: str) -> Source:
        from penstock.sources import connection_from_environment, open_source

        settings = self.settings.source(name)
        wanted = getattr(settings, "connection", None)
        connection = None
        if wanted:
            connection = (self._connections or connection_from_environment)(wanted)
            if connection is None:
                raise ConfigError(
                    f"{self.settings.file}: sources.{name}.connection: there is no connection {wanted!r}; "
                    f"add it in Airflow or set AIRFLOW_CONN_{wanted.upper()}"
                )
        return open_source(name, settings, connection)

    def embedder(self, settings: EmbedderSettings) -> Embedder:
        """The loaded model; loading costs about a second, so it is kept."""
        from penstock.embedding import open_embedder

        if settings not in self._embedders:
            self._embedders[settings] = open_embedder(settings)
        return self._embedders[settings]

    def collection(self, name: str) -> VectorIndex:
        from penstock.index import open_index

        if name not in self._collections:
            self._collections[name] = open_index(self.settings.index_url, name)
        return self._collections[name]

    def close(self) -> None:
        if "catalog" in self.__dict__:
            self.catalog.close()
