"""Every parser on damaged documents, in a real child: a parse or a typed refusal, nothing else, and never for long."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.budget import long, short
from fuzz.mutations import EDITS, Edit, edited, edited_inside
from penstock import chunking
from penstock.parsing import ParseJob, ParserPool, from_json, to_json
from penstock.parsing.worker import NONSENSE
from penstock.records import Parsed, Reason
from penstock.settings import ChunkerSettings, ParserSettings
from unit.parsing import documents
from unit.parsing.test_archives import MEMBERS, tar
from unit.parsing.test_formats import SAMPLES
from unit.test_chunking import WORDS

HANDBOOK = Path(__file__).parents[2] / "include" / "samples" / "handbook"
TIMEOUT_S = 30.0
SMALL = ChunkerSettings(max_tokens=40)


def bases() -> Iterator[tuple[str, bytes]]:
    """One document of each format that is made here, one of each ending of the samples, and the archives."""
    for name, make in SAMPLES.items():
        made = make()
        yield name, made.encode() if isinstance(made, str) else made
    seen = set()
    for path in sorted(HANDBOOK.rglob("*")):
        if path.suffix not in seen and path.is_file():
            seen.add(path.suffix)
            yield path.name, path.read_bytes()
    yield "members.zip", documents.zipped(MEMBERS)
    yield "members.tgz", gzip.compress(tar(MEMBERS))
    yield "old.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "__substg1.0_".encode("utf-16-le") + bytes(900)
    yield "old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "Workbook".encode("utf-16-le") + bytes(900)


BASES = dict(bases())
PACKED = [name for name, data in BASES.items() if data.startswith(b"PK\x03\x04")]
PANDOC = {"rst", "org", "rtf", "odt", "epub", "adoc", "tex"}
"""A process for every document: a third of a second each."""


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(ParserSettings(workers=1, timeout_s=TIMEOUT_S, memory_mb=512)) as pool:
        yield pool


def endure(pool: ParserPool, name: str, data: bytes) -> None:
    [(_, outcome)] = pool.parse_many([ParseJob("one", name, data)])
    if isinstance(outcome, Parsed):
        assert outcome.elements or outcome.attachments
        for one in outcome.elements:
            assert outcome.text[one.start : one.end] == one.text
        assert from_json(to_json(outcome)).elements == outcome.elements
        assert all(chunk.text for chunk in chunking.chunk(outcome, WORDS, SMALL))
        names = [one.name.casefold() for one in outcome.attachments]
        assert len(set(names)) == len(names)
    else:
        assert outcome.reason not in (Reason.TIMEOUT, Reason.OUT_OF_MEMORY), outcome
        assert outcome.detail
        assert not outcome.detail.startswith(("the parser process died", NONSENSE.detail)), outcome


@pytest.mark.parametrize("name", BASES)
def test_a_damaged_document_is_parsed_or_refused(pool: ParserPool, name: str) -> None:
    @short(5 if name.rpartition(".")[2] in PANDOC else 25)
    @given(EDITS)
    def damage(edits: list[Edit]) -> None:
        endure(pool, name, edited(BASES[name], edits))

    damage()


@pytest.mark.parametrize("name", PACKED)
def test_a_damaged_member_is_parsed_or_refused(pool: ParserPool, name: str) -> None:
    @short(5 if name.rpartition(".")[2] in PANDOC else 20)
    @given(EDITS, st.floats(0, 1, exclude_max=True))
    def damage(edits: list[Edit], which: float) -> None:
        endure(pool, name, edited_inside(BASES[name], edits, which))

    damage()


@short(60)
@given(st.sampled_from(sorted(BASES)), st.sampled_from(sorted({name.rpartition(".")[2] for name in BASES})))
def test_a_lie_about_the_type_is_parsed_or_refused(pool: ParserPool, name: str, ending: str) -> None:
    endure(pool, f"{name}.{ending}", BASES[name])


@pytest.mark.long
@long(3000)
@given(st.sampled_from(sorted(BASES)), EDITS)
def test_many_damaged_documents_are_parsed_or_refused(pool: ParserPool, name: str, edits: list[Edit]) -> None:
    endure(pool, name, edited(BASES[name], edits))


@pytest.mark.long
@long(1500)
@given(st.sampled_from(PACKED), EDITS, st.floats(0, 1, exclude_max=True))
def test_many_damaged_members_are_parsed_or_refused(
    pool: ParserPool, name: str, edits: list[Edit], which: float
) -> None:
    endure(pool, name, edited_inside(BASES[name], edits, which))
