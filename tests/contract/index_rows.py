"""Rows, stores and child processes for the tests of the index backends."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from penstock.errors import TransientError
from penstock.filters import Condition, FieldType, equalities, parse
from penstock.filters.values import BUILT_IN
from penstock.ids import document_id, hash_of, row_id
from penstock.index import open_index
from penstock.index.base import VectorIndex
from penstock.records import OPEN_END, IndexRow, Query
from penstock.settings import WeaviateSettings
from support.weaviate_server import server_at

DIMENSION = 8
FIELDS = ("department", "cost-centre")


@dataclass
class Store:
    """A place for collections; ``open`` gives another handle on one, as another process would have."""

    url: str
    made: int = 0

    def make(self, dimension: int = DIMENSION, fields: Sequence[str] = FIELDS) -> tuple[VectorIndex, str]:
        name = f"c-{self.made}"
        self.made += 1
        index = self.open(name)
        index.create(dimension, fields)
        return index, name

    def open(self, name: str) -> VectorIndex:
        return open_index(self.url, name)


@dataclass
class WeaviateStore(Store):
    """Collections below a prefix of their own on the server that the tests were given."""

    url: str = "weaviate"
    settings: WeaviateSettings = field(default_factory=WeaviateSettings)

    def open(self, name: str) -> VectorIndex:
        return open_index(self.url, name, server_at(self.settings))


def vector(seed: str, dimension: int = DIMENSION) -> list[float]:
    """A unit vector that follows from the seed."""
    values = np.random.default_rng(int(hash_of(seed)[:8], 16)).normal(size=dimension)
    return [float(value) for value in (values / np.linalg.norm(values)).astype(np.float32)]


def row(
    key: str, text: str = "", *, added_in: int = 1, removed_in: int = OPEN_END, nth: int = 0, **more: Any
) -> IndexRow:
    """A row of document ``key``; its id follows from document, text, ``nth`` and ``added_in``."""
    document = document_id("files", key)
    text = text or f"text of {key}"
    content = hash_of(text)
    values: dict[str, Any] = {
        "id": row_id("handbook", document, content, nth, added_in),
        "document_id": document,
        "source": "files",
        "key": key,
        "title": f"Title of {key}",
        "text": text,
        "headings": ("Handbook", key),
        "kind": "text",
        "content": content,
        "nth": nth,
        "fields": {},
        "principals": ("public",),
        "added_in": added_in,
        "removed_in": removed_in,
        "vector": vector(key + text),
    }
    return IndexRow(**{**values, **more})


def asked(text: str, types: Mapping[str, FieldType] | None = None) -> Condition:
    """The filter that the text says, on fields of these types, or on ``FIELDS``."""
    return parse(text, {**BUILT_IN, **(types or dict.fromkeys(FIELDS, "text"))})


def equal(values: Mapping[str, str]) -> Condition | None:
    text = equalities(values)
    return asked(text) if text else None


def keys(rows: Any) -> list[str]:
    return sorted(getattr(one, "row", one).key for one in rows)


def read_on_demand(store: Store, name: str, pipe: Connection) -> None:
    index = store.open(name)
    while pipe.recv():
        pipe.send((index.count(1), keys(index.search(Query("turbine", vector("x"), 1)))))


def write_often(url: str, name: str, who: int, problems: multiprocessing.Queue[str]) -> None:
    index = open_index(url, name)
    for n in range(8):
        try:
            index.add([row(f"{who}-{n}-{m}") for m in range(3)])
            index.set_principals({document_id("files", "shared"): (f"user:{who}",)})
            index.retire([row(f"{who}-{n}-0").id], 2)
        except TransientError:
            continue
        except Exception as error:  # noqa: BLE001
            problems.put(repr(error))
    problems.put("")
