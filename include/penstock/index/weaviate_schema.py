"""What a collection is in Weaviate: the names that it goes by, its properties, and how it differs from what is wanted.

Names there are letters, digits and underscores, and two that differ in case alone are one. So every letter that is not
lower case, and every hyphen, is written as ``X`` and its code: ``cost-centre`` is ``costX2dcentre``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weaviate.classes.config import (
    Configure,
    DataType,
    Property,
    StopwordsPreset,
    Tokenization,
    VectorDistances,
)

from penstock.filters.values import FieldType
from penstock.index.rules import Fields, types_of
from penstock.settings import WeaviateSettings

if TYPE_CHECKING:
    from weaviate import WeaviateClient
    from weaviate.collections.classes.config import CollectionConfig, PropertyConfig

VECTOR = "default"
FIELD = "field_"
"""Prefix of the properties that hold declared fields, so that a field may be called ``text``."""
VALUES: dict[FieldType, DataType] = {"number": DataType.NUMBER, "date": DataType.INT, "texts": DataType.TEXT_ARRAY}
"""A field that is more than text has a property of its values too, ``number_year`` beside ``field_year``. Dates are
milliseconds: the server's own have 64 bits of nanoseconds to be compared by, which the years 1678 to 2262 fill."""
SLOTS = 1 << 24
"""Rows are spread over so many slots by their id: a scan reads them slot by slot, under any filter."""
EXACT = ("document_id", "source", "key", "kind")
SHOWN = ("title", "content")
NUMBERS = ("added_in", "removed_in", "slot")
TUNED = ("ef", "ef_construction", "max_connections", "flat_search_cutoff")
"""Parameters of HNSW that are called alike in the settings and by the client."""

Shape = dict[str, str]
"""What of a collection is compared, in words: names of properties as they are configured, and their kinds."""


def encoded(name: str) -> str:
    """
    >>> encoded("cost-centre"), encoded("handbook_g1")
    ('costX2dcentre', 'handbook_g1')
    """
    return re.sub(r"[^a-z0-9_]", lambda match: f"X{ord(match[0]):02x}", name)


def decoded(name: str) -> str:
    return re.sub(r"X([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), name)


def property_of(name: str) -> str:
    """The property that holds the text of ``name``."""
    return name if name in EXACT else FIELD + encoded(name)


def value_property(name: str, type_: FieldType) -> str:
    """The property that a search compares."""
    return property_of(name) if type_ == "text" else f"{type_}_{encoded(name)}"


def create(client: WeaviateClient, physical: str, dimension: int, fields: Fields, s: WeaviateSettings) -> None:
    """Make the collection, whole or not at all. Vectors are ours; the distance leaves them as they are."""
    client.collections.create(
        physical,
        description=_description(dimension),
        properties=[*_properties(fields)],
        vector_config=Configure.Vectors.self_provided(
            vector_index_config=Configure.VectorIndex.hnsw(
                distance_metric=VectorDistances.DOT,
                ef=s.ef,
                ef_construction=s.ef_construction,
                max_connections=s.max_connections,
                flat_search_cutoff=s.flat_search_cutoff,
            ),
            quantizer=_quantizer(s),
        ),
        # Stop words are kept, so that "to be or not to be" can be found.
        inverted_index_config=Configure.inverted_index(stopwords_preset=StopwordsPreset.NONE),
        replication_config=Configure.replication(factor=s.replication_factor),
    )


def _properties(fields: Fields) -> Iterator[Property]:
    """``text`` is searched; of the rest, what is asked for exactly is filtered on and what is only shown is not."""
    declared = sorted(types_of(fields).items())
    yield _text("text", searched=True)
    for name in (*EXACT, *(FIELD + encoded(field) for field, _ in declared)):
        yield _text(name, filtered=True)
    for field, type_ in declared:
        if type_ == "texts":
            yield _text(value_property(field, type_), kind=VALUES[type_], filtered=True)
        elif type_ in VALUES:
            yield _ranged(value_property(field, type_), VALUES[type_])
    for name in SHOWN:
        yield _text(name)
    yield _text("headings", kind=DataType.TEXT_ARRAY)
    yield _text("principals", kind=DataType.TEXT_ARRAY, filtered=True)
    yield Property(name="nth", data_type=DataType.INT, index_filterable=False)
    for name in NUMBERS:
        yield _ranged(name, DataType.INT)


def _ranged(name: str, kind: DataType) -> Property:
    return Property(name=name, data_type=kind, index_filterable=True, index_range_filters=True)


def _text(name: str, *, kind: DataType = DataType.TEXT, searched: bool = False, filtered: bool = False) -> Property:
    words = Tokenization.WORD if searched else Tokenization.FIELD
    return Property(name=name, data_type=kind, tokenization=words, index_searchable=searched, index_filterable=filtered)


def _quantizer(s: WeaviateSettings) -> Any:
    if s.quantization == "none":
        return Configure.VectorIndex.Quantizer.none()
    return Configure.VectorIndex.Quantizer.rq(bits=int(s.quantization.removeprefix("rq-")))


def wanted(dimension: int, fields: Fields, s: WeaviateSettings) -> Shape:
    """The shape that ``create`` makes."""
    return {
        **{_shown(one.name): _kind_of(one) for one in _properties(fields)},
        **{name: str(getattr(s, name)) for name in TUNED},
        "vector": f"{dimension} numbers, dot product",
        "vectors": VECTOR,
        "vector index": "hnsw",
        "quantization": s.quantization,
        "replication_factor": str(s.replication_factor),
        "stop words": "none",
        "tenants": "none",
        "time to live": "unlimited",
    }


def found(config: CollectionConfig) -> Shape:
    """The shape of a collection on the server, whoever made it."""
    stop, lives = config.inverted_index_config.stopwords, config.object_ttl_config
    return {
        **{_shown(one.name): _kind_found(one) for one in config.properties},
        **_vector_found(config),
        "vectors": ", ".join(sorted(config.vector_config or ())) or "absent",
        "replication_factor": str(config.replication_config.factor),
        "stop words": ", ".join([stop.preset.value, *(stop.additions or ())]),
        "tenants": "apart" if config.multi_tenancy_config.enabled else "none",
        "time to live": "limited" if lives and lives.enabled else "unlimited",
    }


def _vector_found(config: CollectionConfig) -> Shape:
    named = (config.vector_config or {}).get(VECTOR)
    if named is None:
        return {}
    index: Any = named.vector_index_config
    metric = {"dot": "dot product"}.get(index.distance_metric.value, index.distance_metric.value)
    return {
        **{name: str(getattr(index, name)) for name in TUNED if hasattr(index, name)},
        "vector": f"{dimension(config)} numbers, {metric}",
        "vector index": index.vector_index_type(),
        "quantization": _quantization_found(index.quantizer),
    }


def _quantization_found(quantizer: Any) -> str:
    bits = getattr(quantizer, "bits", None)
    return "none" if quantizer is None else f"rq-{bits}" if bits else type(quantizer).__name__


def differences(have: Shape, want: Shape) -> list[str]:
    return [
        f"{name} is {have.get(name, 'absent')}, wanted {want.get(name, 'absent')}"
        for name in sorted({*have, *want})
        if have.get(name) != want.get(name)
    ]


def dimension(config: CollectionConfig) -> int:
    """Weaviate learns it from the first vector only, so the collection's description keeps it."""
    number = re.match(r"\d+", config.description or "")
    return int(number[0]) if number else 0


def fields(config: CollectionConfig) -> dict[str, FieldType]:
    """The declared fields, by what properties there are for each."""
    there = {one.name for one in config.properties}
    declared = [decoded(name.removeprefix(FIELD)) for name in sorted(there) if name.startswith(FIELD)]
    types = {name: type_ for name in declared for type_ in VALUES if value_property(name, type_) in there}
    return {name: types.get(name, "text") for name in declared}


def _description(dimension: int) -> str:
    return f"{dimension} dimensions; written by penstock, which keeps its state in its catalog"


def _shown(name: str) -> str:
    return decoded(name.removeprefix(FIELD)) if name.startswith(FIELD) else name


def _kind_of(one: Property) -> str:
    return _words(
        one.dataType.value,
        one.tokenization.value if one.tokenization else "",
        bool(one.indexSearchable),
        bool(one.indexFilterable),
        bool(one.indexRangeFilters),
    )


def _kind_found(one: PropertyConfig) -> str:
    return _words(
        one.data_type.value,
        one.tokenization.value if one.tokenization else "",
        one.index_searchable,
        one.index_filterable,
        one.index_range_filters,
    )


def _words(kind: str, tokens: str, searched: bool, filtered: bool, ranged: bool) -> str:
    marks = ((f"by {tokens}", bool(tokens)), ("searched", searched), ("filtered", filtered), ("ranged", ranged))
    return " ".join([kind, *(word for word, holds in marks if holds)])
