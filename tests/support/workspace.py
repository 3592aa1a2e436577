"""A whole small installation: a folder of documents, an index on it, and every store in a temporary folder."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from penstock.catalog import Catalog
from penstock.catalog.schema import digest_keys
from penstock.decisions import Who
from penstock.interactions.digests import NAME
from penstock.parsing import ParserPool
from penstock.platform import Platform
from penstock.retrieval import search
from penstock.runs import RunReport
from penstock.settings import FolderSource, IndexSettings, ParserSettings, Settings, StoreSettings, WeaviateSettings
from penstock.sync import reindex, sync

WHO = Who("tester", "cli")
OPEN_GATES = {"max_removed_share": 1.0, "max_quarantined_share": 1.0, "max_embedded_share": 1.0}
LOOSE = {**OPEN_GATES, "min_chunk_ratio": 0.0, "max_chunk_ratio": 1000.0, "max_duplicate_share": 1.0}


@functools.cache
def empty_catalog() -> bytes:
    """A migrated SQLite catalog."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        Catalog(f"sqlite:///{path}").close()
        return path.read_bytes()


def place_empty_catalog(url: str) -> None:
    """Copy a migrated catalog to where a SQLite catalog would be made: a tenth of what the migrations cost."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(empty_catalog())


class Workspace:
    """``folder`` is the source; ``write``/``remove`` edit it; ``sync`` and ``found`` are what users do."""

    def __init__(
        self,
        root: Path,
        pools: dict[ParserSettings, ParserPool],
        catalog: str | None = None,
        gates: dict[str, Any] | None = None,
        parser: ParserSettings | None = None,
        store: dict[str, Any] | None = None,
        weaviate: WeaviateSettings | None = None,
        **source: Any,
    ) -> None:
        self.root, self.folder, self.pools = root, root / "documents", pools
        self.folder.mkdir(parents=True, exist_ok=True)
        places = StoreSettings(**{**({"catalog": catalog} if catalog else {}), **(store or {})})
        options: dict[str, Any] = {"when_silent": ("public",), "access_from": "sidecar", **source}
        self.settings = Settings(
            sources={"docs": FolderSource(type="folder", path=self.folder, **options)},
            indexes={
                "main": IndexSettings(
                    sources=("docs",),
                    fields=("team",),
                    embedder={"backend": "hashing"},
                    gates=LOOSE if gates is None else {**LOOSE, **gates},
                    retrieval={"collapse": False},  # tests look at every row
                )
            },
            parser=parser or next(iter(pools), ParserSettings(workers=1)),
            store=places,
            weaviate=weaviate or WeaviateSettings(),
            file=root / "penstock.toml",
            home=root / "home",
        )
        place_empty_catalog(self.settings.catalog_url)
        self.platform = self.open()

    def fix_splits(self) -> None:
        """What people ask is split by digests under a key that each catalog draws: by chance a split would be empty."""
        with self.platform.catalog.write() as connection:
            connection.execute(digest_keys.insert().values(name=NAME, key="01" * 32))

    def open(self) -> Platform:
        """Another process's view: everything opened anew."""
        return Platform(self.settings, pools=self.pools)

    def write(self, key: str, text: str | bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def remove(self, key: str) -> None:
        (self.folder / key).unlink()

    def rename(self, key: str, to: str) -> None:
        (self.folder / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.folder / key, self.folder / to)

    def allow(self, key: str, principals: list[str]) -> None:
        (self.folder / f"{key}.access.json").write_text(json.dumps({"principals": principals}))

    def sync(self, **options: Any) -> RunReport:
        return sync(self.platform, "main", **options)

    def reindex(self) -> RunReport:
        return reindex(self.platform, "main")

    def found(self, text: str, **options: Any) -> list[str]:
        """Keys of the documents found, best first, without repeats."""
        return list(dict.fromkeys(hit.key for hit in search(self.platform, "main", text, **options).hits))

    def texts(self, **options: Any) -> set[str]:
        """Every text that a reader of a release may see, by exhaustive search."""
        return {hit.text for hit in search(self.platform, "main", "a", k=1000, mode="vector", **options).hits}

    def change_store(self, index: str) -> None:
        """The configuration names another store of indexes."""
        store = self.settings.store.model_copy(update={"index": index})
        self.settings = self.settings.model_copy(update={"store": store})
        self.platform = self.open()

    def change_index(self, **settings: Any) -> None:
        """Today's configuration says something else."""
        index = self.settings.indexes["main"].model_copy(update=settings)
        self.settings = self.settings.model_copy(update={"indexes": {"main": index}})
        self.platform = self.open()
