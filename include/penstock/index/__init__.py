"""Stores that hold vectors and texts. ``open_index`` makes one from the address of the store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.errors import UsageError
from penstock.index.base import VectorIndex
from penstock.index.lance_files import TableFiles
from penstock.settings import WEAVIATE, WeaviateSettings
from penstock.sources.connection import Connections, connection_from_environment

if TYPE_CHECKING:
    from penstock.index.weaviate_server import Server

COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")


def open_index(url: str, collection: str, server: Server | None = None) -> VectorIndex:
    """The collection of that name in the store at ``url``: a folder, ``s3://bucket/prefix``, or ``weaviate``.

    Nothing is read or made yet; ``create`` makes it. Credentials and endpoint of a bucket come from the ``AWS_*``
    variables of the environment; ``server`` defaults to the one on this machine.
    """
    _require_possible(url, collection)
    if url == WEAVIATE:
        server = server or open_server()
        from penstock.index.weaviate import WeaviateIndex

        return WeaviateIndex(server, collection)
    from penstock.index.lancedb import LanceIndex

    return LanceIndex(url, collection)


def files_stand(url: str, collection: str) -> bool:
    """Whether a folder or a bucket holds the collection, as ``exists`` says; Lance is not loaded for it."""
    _require_possible(url, collection)
    return TableFiles(url, collection).stand()


def knows_names(url: str) -> bool:
    """Whether the store keeps a name of its own for the live release of an index, as Weaviate's aliases are."""
    return url == WEAVIATE


def _require_possible(url: str, collection: str) -> None:
    if not COLLECTION.fullmatch(collection):
        raise UsageError(f"{collection!r} cannot name a collection; use letters, digits, '-' and '_', a letter first")
    if "://" in url and not url.startswith(("s3://", "file://")):
        raise UsageError(f"no index store for {url!r}; give a local folder, s3://bucket/prefix or {WEAVIATE!r}")


def open_server(
    settings: WeaviateSettings | None = None, connections: Connections = connection_from_environment
) -> Server:
    """The Weaviate server of the settings; by default the one on this machine. Nothing is opened yet."""
    try:
        from penstock.index.weaviate_server import Server
    except ModuleNotFoundError as error:
        raise UsageError(
            f"store.index is {WEAVIATE!r}, but {error.name} is missing; install penstock[production]"
        ) from None

    return Server(settings, connections)
