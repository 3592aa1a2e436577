"""One opened installation: settings, catalog, lake, and the parts that are opened when first needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.engine import Row

from penstock import manifest
from penstock.catalog import Catalog
from penstock.embedding.base import Embedder
from penstock.errors import ConfigError
from penstock.index import files_stand, open_index, open_server
from penstock.index.base import VectorIndex
from penstock.lake import Lake
from penstock.memory import give_back_what_is_freed
from penstock.reranking.base import Reranker
from penstock.settings import (
    WEAVIATE,
    AnyEmbedder,
    AnyReranker,
    ApiEmbedderSettings,
    GeneratorSettings,
    JudgeSettings,
    ParserSettings,
    Settings,
    load,
)
from penstock.sources import Connections, Source, connection_from_environment, open_source
from penstock.spending import RunAccount

if TYPE_CHECKING:
    from penstock.answers.base import Generator
    from penstock.credentials.identify import Credentials
    from penstock.evaluation.judging import Judge
    from penstock.index.weaviate_server import Server
    from penstock.interactions.recorder import Recorder
    from penstock.parsing import ParserPool
    from penstock.retrieval.artefacts import Artefacts

Key = TypeVar("Key")
Part = TypeVar("Part")


class Platform:
    """What every step is handed. ``connections`` resolves a connection's name to its parts (Airflow's, or the
    environment's). Opening a platform opens nothing; each part opens on use, once for all threads. ``pools`` lends it
    parser children that somebody else keeps: a child costs seconds to start.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        connections: Connections = connection_from_environment,
        pools: dict[ParserSettings, ParserPool] | None = None,
    ) -> None:
        give_back_what_is_freed()
        self.settings = settings or load()
        self._connections = connections
        self._embedders: dict[tuple[AnyEmbedder, int | None], Embedder] = {}
        self._rerankers: dict[AnyReranker, Reranker] = {}
        self._generators: dict[GeneratorSettings, Generator] = {}
        self._collections: dict[str, VectorIndex] = {}
        self._sources: dict[str, Source] = {}
        self._known: dict[str, str | None] = {}
        self._pools = pools if pools is not None else {}
        self.found_here_at = -math.inf
        """When the indexes were last seen to live in the configured store, by the monotonic clock."""
        self._owns_pools = pools is None
        self._opening = RLock()

    def _once(self, parts: dict[Key, Part], key: Key, open_it: Callable[[], Part]) -> Part:
        """The part that is kept under ``key``; of threads that come together one opens it, and the others wait."""
        if key not in parts:
            with self._opening:
                if key not in parts:
                    parts[key] = open_it()
        return parts[key]

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.settings.catalog_url)

    @cached_property
    def recorder(self) -> Recorder:
        """Writes interactions down; one for all threads, so that those which come together share a transaction."""
        from penstock.interactions.recorder import Recorder

        return Recorder(self.catalog)

    @cached_property
    def credentials(self) -> Credentials:
        """Tells the service's callers apart; one for all threads, as it remembers keys for a second."""
        from penstock.credentials.identify import Credentials

        return Credentials(self)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_url)

    @cached_property
    def artefacts(self) -> Artefacts:
        """What the lake holds of documents, a little of it kept in memory; one for all threads."""
        from penstock.retrieval.artefacts import Artefacts

        return Artefacts(self.lake)

    def source(self, name: str) -> Source:
        if name not in self._sources:
            settings = self.settings.source(name)
            try:
                self._sources[name] = open_source(name, settings, self._connections)
            except ConfigError as error:
                raise ConfigError(f"{self.settings.file}: {error}") from error
        return self._sources[name]

    def embedder(self, settings: AnyEmbedder, run_id: int | None = None) -> Embedder:
        """The model, kept: opening it hashes its weights, and its first vector costs a second.

        What a paid one bills is counted with ``run_id`` and held to its budget.
        """
        from penstock.embedding import open_embedder
        from penstock.trained import on_disk

        account = None
        if isinstance(settings, ApiEmbedderSettings) and run_id is not None:
            account = RunAccount(self.catalog, run_id, settings.budget_tokens)
        key = settings, run_id if account else None

        def opened() -> Embedder:
            named = settings.model_copy(update={"model": on_disk(self, settings.model)})
            return open_embedder(named, self._connections, account)

        return self._once(self._embedders, key, opened)

    def reranker(self, settings: AnyReranker) -> Reranker:
        from penstock.reranking import open_reranker
        from penstock.trained import on_disk

        def opened() -> Reranker:
            named = settings.model_copy(update={"model": on_disk(self, settings.model)})
            return open_reranker(named, self._connections)

        return self._once(self._rerankers, settings, opened)

    def generator(self, settings: GeneratorSettings) -> Generator:
        from penstock.answers.generators import open_generator

        return self._once(self._generators, settings, lambda: open_generator(settings, self._connections))

    def once_known(self, name: str, find: Callable[[Platform, str], str | None]) -> str | None:
        """What ``find`` tells of a name that means the same for ever; each search would else ask the catalog again."""
        return self._once(self._known, name, lambda: find(self, name))

    def judge(self, settings: JudgeSettings) -> Judge:
        from penstock.evaluation.judging import Judge

        return Judge(settings, self._connections)

    def collection(self, name: str) -> VectorIndex:
        return self._once(self._collections, name, lambda: self.collection_at(self.settings.index_url, name))

    def collection_at(self, url: str, name: str) -> VectorIndex:
        """The collection in another store than the configured one."""
        return open_index(url, name, self._weaviate if url == WEAVIATE else None)

    def stands(self, collection: str) -> bool:
        """Whether the configured store has the collection; of a folder or a bucket without loading Lance."""
        url = self.settings.index_url
        return self.collection(collection).exists() if url == WEAVIATE else files_stand(url, collection)

    @cached_property
    def _weaviate(self) -> Server:
        return open_server(self.settings.weaviate, self._connections)

    def collections(self, index: str | None = None) -> list[tuple[Row[Any], VectorIndex]]:
        """Every collection that there is, of one index or of all, with the row of its generation."""
        with self.catalog.read() as connection:
            rows = manifest.standing(connection, index)
        return [(row, self.collection(row.collection)) for row in rows if self.stands(row.collection)]

    def parsers(self, settings: ParserSettings) -> ParserPool:
        """Parser children under these limits, kept warm until the platform is closed."""
        from penstock.parsing import ParserPool

        if settings not in self._pools:
            self._pools[settings] = ParserPool(settings)
        return self._pools[settings]

    def close(self) -> None:
        if self._owns_pools:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()
        if "_weaviate" in self.__dict__:
            self._weaviate.close()
        if "catalog" in self.__dict__:
            self.catalog.close()
