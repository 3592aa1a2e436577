"""The lake on a folder and on a bucket of a real S3 server: the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import ConfigError, StoreError, TransientError
from penstock.ids import sha256
from penstock.lake import PIECE_BYTES, AlteredObjectError, Kind, Lake
from penstock.lake_errors import MissingObjectError
from support.bucket import keep_stores_at, s3_client, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    keep_stores_at(monkeypatch, s3)
    s3_client(s3).create_bucket(Bucket="lake")
    return Lake("s3://lake/some/prefix")


def test_bytes_are_named_by_their_content(lake: Lake) -> None:
    assert lake.put_bytes(b"water") == sha256(b"water")
    assert lake.put_bytes(b"water") == sha256(b"water")
    assert lake.get(Kind.BYTES, sha256(b"water")) == b"water"
    assert list(lake.names(Kind.BYTES)) == [sha256(b"water")]


def test_a_missing_object_says_so(lake: Lake) -> None:
    with pytest.raises(StoreError, match=r"lake object chunks/ab/abc is missing from .*; run a sync"):
        lake.get(Kind.CHUNKS, "abc")
    assert not lake.has(Kind.CHUNKS, "abc")


def test_altered_bytes_are_noticed(lake: Lake) -> None:
    name = lake.put_bytes(b"water")
    lake.put(Kind.BYTES, name, b"wine")
    with pytest.raises(StoreError, match="was altered"):
        lake.get(Kind.BYTES, name)


def test_an_object_is_checked_in_pieces_as_it_would_be_read(lake: Lake) -> None:
    large = bytes(range(256)) * (PIECE_BYTES // 100)
    name = lake.put_bytes(large)
    lake.check(Kind.BYTES, name)
    for data in (large[:-1], large + b"x", b""):
        lake.put(Kind.BYTES, name, data)
        with pytest.raises(AlteredObjectError) as read:
            lake.get(Kind.BYTES, name)
        with pytest.raises(AlteredObjectError) as checked:
            lake.check(Kind.BYTES, name)
        assert str(checked.value) == str(read.value)
    with pytest.raises(MissingObjectError, match=r"lake object bytes/ab/abc is missing from .*; run a sync"):
        lake.check(Kind.BYTES, "abc")


def test_deleting_twice_is_harmless(lake: Lake) -> None:
    lake.put(Kind.WORK, "one", b"1")
    lake.delete(Kind.WORK, ["one", "one", "never"])
    assert list(lake.names(Kind.WORK)) == []


def test_an_unreachable_bucket_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(TransientError, match="the lake at s3://lake/x failed on work/on/one"):
        Lake("s3://lake/x", retries=0).put(Kind.WORK, "one", b"1")


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match=r"store\.lake: 'ftp://x' is neither a folder nor s3://bucket/prefix"):
        Lake("ftp://x")
