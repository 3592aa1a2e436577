"""Whatever reads what somebody else wrote: types, configuration, filters, sidecars, artefacts, frames of a pipe.

Only the errors that each names come out of it.
"""

from __future__ import annotations

import itertools
import json
import os
import string
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.index_rows import FIELDS, Store, equal, row, vector
from fuzz.budget import short
from fuzz.mutations import EDITS, TOKENS, Edit, edited
from penstock import chunking
from penstock.errors import ConfigError, StoreError, UsageError
from penstock.filters import parse, parse_where
from penstock.filters.values import BUILT_IN
from penstock.index.base import VectorIndex
from penstock.parsing import from_json, to_json
from penstock.parsing.archives import check_archive
from penstock.parsing.decode import decode
from penstock.parsing.detect import EXTENSIONS, MAGIC, MEDIA_TYPES, checked_type, true_type
from penstock.parsing.names import safe_name, safe_path
from penstock.parsing.protocol import BrokenFrame, FrameTooLarge, read_frame, write_frame
from penstock.parsing.refused import RefusedDocument
from penstock.parsing.unpacking import ARCHIVES
from penstock.parsing.xmlcheck import check_xml
from penstock.records import Chunk, Element, Parsed, Query
from penstock.settings import ChunkerSettings, Settings, load
from penstock.sources.access import from_metadata, from_sidecar
from penstock.sources.globs import Globs
from unit.test_chunking import WORDS, document

CONFIG = (Path(__file__).parents[2] / "include" / "config" / "penstock.toml").read_bytes()
HEADS = (*MAGIC, b"PK\x03\x04", b"PK\x05\x06", b"%PDF-1.7\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<?xml ",
         b"<html>", b"\xff\xfe", b"\x00\x00\xfe\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"ID3",
         b"x" * 257 + b"ustar", b"")  # fmt: skip
BYTES = st.builds(
    lambda head, tail, more: head + tail + more,
    st.sampled_from(HEADS),
    st.binary(max_size=600),
    st.sampled_from((b"", *TOKENS)),
)


@short(600)
@given(BYTES, st.sampled_from((*EXTENSIONS, "png", "doc", "7z", "tar.gz", "..", "\u202e")))
def test_a_type_is_found_or_the_document_refused(data: bytes, ending: str) -> None:
    assert true_type(data)
    with suppress(RefusedDocument):
        assert checked_type(f"name.{ending}", data) in MEDIA_TYPES


@short(300)
@given(BYTES, st.sampled_from((*ARCHIVES, "docx")))
def test_the_checks_before_parsing_pass_or_refuse(data: bytes, kind: str) -> None:
    assert isinstance(decode(data), str)
    for check in (lambda data: check_xml(BytesIO(data)), lambda data: check_archive(kind, data)):
        with suppress(RefusedDocument):
            check(data)


@short(300)
@given(st.text(max_size=300))
def test_any_name_becomes_a_safe_one(raw: str) -> None:
    for name in (safe_name(raw), *safe_path(raw).split("/")):
        assert name.strip("./ \\") == name.lstrip("./ \\") != ""
        assert not set(name) & set("/\\\0\n")
        name.encode()
    assert "!/" not in safe_path(raw)


PIECES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["text", "list-item", "table", "code", "other"]), st.text(min_size=1, max_size=200)),
        st.tuples(st.just("title"), st.text(min_size=1, max_size=40), st.integers(1, 9)),
    ),
    max_size=12,
)


@short(200)
@given(PIECES, st.integers(16, 60), st.none() | st.integers(16, 300))
def test_the_chunker_takes_every_document(pieces: list[Any], budget: int, most: int | None) -> None:
    parsed = document(*pieces)
    chunks = chunking.chunk(parsed, WORDS, ChunkerSettings(max_tokens=budget), most)
    assert chunking.from_json(chunking.to_json(chunks)) == chunks
    for before, after in itertools.pairwise(chunks):
        assert before.end <= after.start


VALUES = st.one_of(
    st.booleans().map(lambda value: str(value).lower()),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["nan", "-inf", "1e400", "[]", "{}", "1979-05-27", "[{}]", '["a", 1]', '""', '"~"', '"${HOME}"']),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=20).map('"{}"'.format),
)
KEYS = sorted(
    {"sources.a", "indexes.b", *Settings.model_fields, "sources.a.type", "indexes.b.sources", "indexes.b.gates"}
    | {f"sources.a.{key}" for key in ("path", "when_silent", "access", "include", "bucket", "max_bytes", "max_age_s")}
    | {f"indexes.b.{key}" for key in ("fields", "schedule", "embedder", "chunker", "gates.max_removed_share", "x")}
    | {f"parser.{key}" for key in ("workers", "timeout_s", "memory_mb", "sentence_model")}
)


def read_settings(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with suppress(ConfigError):
        assert isinstance(load(path), Settings)


@short(300)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
def test_a_configuration_is_read_or_its_fault_named(tmp_path: Path, lines: dict[str, str]) -> None:
    read_settings(tmp_path / "penstock.toml", "\n".join(f"{key} = {value}" for key, value in lines.items()).encode())


@short(300)
@given(EDITS)
def test_a_damaged_configuration_is_read_or_its_fault_named(tmp_path: Path, edits: list[Edit]) -> None:
    read_settings(tmp_path / "penstock.toml", edited(CONFIG, edits))


@short(200)
@given(st.lists(st.text(max_size=12), max_size=3), st.text(max_size=30))
def test_a_pattern_is_compiled_or_refused(patterns: list[str], key: str) -> None:
    with suppress(ConfigError):
        assert Globs("docs", ("**",), patterns).takes(key) in (True, False)


@short(200)
@given(st.binary(max_size=200) | st.sampled_from(TOKENS) | st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("principals", "fields", "x")), inner),
).map(lambda value: str(value).replace("'", '"').encode("utf-8", "replace")))  # fmt: skip
def test_a_sidecar_is_a_statement_or_a_problem(data: bytes) -> None:
    said = from_sidecar("a.md.access.json", data)
    assert said.problem or all(isinstance(one, str) and one.strip() for one in said.principals or ())


@short(200)
@given(st.dictionaries(st.sampled_from(("penstock-principals", "penstock-field-a", "x")), st.text(max_size=40)))
def test_metadata_is_a_statement_or_a_problem(metadata: dict[str, str]) -> None:
    said = from_metadata("bucket/key", metadata)
    assert said.problem or all(one.strip() for one in said.principals or ())


@short(300)
@given(st.lists(st.text(string.printable, max_size=20), max_size=4))
def test_a_filter_is_read_or_its_fault_named(conditions: list[str]) -> None:
    text = parse_where(conditions)
    assert (text is None) == (not conditions)
    with suppress(UsageError):
        parse(text or "", {**BUILT_IN, "year": "number", "day": "date", "tags": "texts"})


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> VectorIndex:
    index, _ = Store(str(tmp_path_factory.mktemp("index"))).make()
    index.add([row("a", fields={"department": "it's"}), row("b")])
    return index


@short(60)
@given(st.sampled_from(("source", "key", "kind", *FIELDS)), st.text(max_size=30), st.sampled_from(("vector", "text")))
def test_no_value_of_a_filter_breaks_out_of_it(index: VectorIndex, name: str, value: str, mode: str) -> None:
    query = Query("text of a", vector("a"), 1, where=equal({name: value}), mode=mode)
    for hit in index.search(query):
        assert {"source": hit.row.source, "key": hit.row.key, "kind": hit.row.kind, **hit.row.fields}[name] == value


PARSED = Parsed((Element("title", "Pump", depth=1), Element("text", "It lifts.", ("Pump",), 2, 6)), "Pump", "a/b", "c")
CHUNKS = [Chunk("It lifts.", 6, 15, "text", ("Pump",), 2, 3)]


@short(400)
@given(EDITS)
def test_a_damaged_artefact_is_read_whole_or_refused(edits: list[Edit]) -> None:
    with suppress(StoreError):
        assert to_json(from_json(edited(to_json(PARSED), edits)))
    with suppress(StoreError):
        assert chunking.to_json(chunking.from_json(edited(chunking.to_json(CHUNKS), edits)))


ODD = (None, True, 7, 1.5, "x", [], [1], [None], ["x"], [[]], {}, {"x": 1})
FITS = {
    **dict.fromkeys(("title", "media_type", "parser", "kind", "text"), ("x",)),
    **dict.fromkeys(("start", "end", "tokens", "depth"), (7,)),
    "page": (None, 7),
    "headings": ([], ["x"]),
    "elements": ([],),
    "chunks": ([],),
}


def is_in(value: object, fitting: tuple[object, ...]) -> bool:
    return any(value == one and type(value) is type(one) for one in fitting)


@pytest.mark.parametrize("name", FITS)
def test_an_artefact_with_a_part_of_another_type_is_refused(name: str) -> None:
    for written, read in ((to_json(PARSED), from_json), (chunking.to_json(CHUNKS), chunking.from_json)):
        whole = json.loads(written)
        part = whole if name in whole else (whole.get("elements") or whole["chunks"])[0]
        for value in ODD if name in part else ():
            part[name] = value
            if is_in(value, FITS[name]):
                read(json.dumps(whole).encode())
                continue
            with pytest.raises(StoreError):
                read(json.dumps(whole).encode())


@short(200)
@given(EDITS)
def test_a_damaged_frame_is_read_or_broken(edits: list[Edit]) -> None:
    reads, writes = os.pipe()
    try:
        frame = os.memfd_create("frame")
        write_frame(frame, {"parsed": 4, "attachments": []}, b"body")
        os.write(writes, edited(os.pread(frame, 1000, 0), edits)[:60_000])
        os.close(frame)
        os.close(writes)
        with suppress(BrokenFrame, FrameTooLarge):
            header, _ = read_frame(reads, 1000, time.monotonic() + 5)
            assert isinstance(header, dict)
    finally:
        os.close(reads)
