"""Invariant 12 under attack: what was erased is in no byte of any store, and no way leads it back."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlalchemy import text, update

from penstock import inspection, maintenance, manifest, provenance, release, reports, steps
from penstock.answers import ask
from penstock.catalog import rewriting
from penstock.catalog.schema import leases, runs
from penstock.erasure import erase
from penstock.errors import ListingError, StoreError, TransientError
from penstock.ids import sha256
from penstock.index.lance_files import UNDER_WAY_S
from penstock.keys import UNNAMED
from penstock.lake import Kind
from penstock.leftovers import FEW
from penstock.pending import PendingRows
from penstock.retrieval import places, search
from support.bucket import keep_stores_at, s3_client, s3_server
from support.traces import holds, in_catalog, in_files, in_index, in_lake
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
WORD = "quetzalcoatl"
SECRET = f"{WORD}-plan.md"
MILL = "# Mill\n\nThe miller grinds barley in the old mill.\n"
BREAD = "# Bread\n\nThe baker bakes rye bread on Fridays.\n"


def plan(edition: int) -> str:
    return f"# The {WORD} plan\n\n## {WORD} nests\n\nEdition {edition}: the {WORD} nests below the weir.\n"


def mail(body: str, name: str, attached: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "A note", "a@example.org", "b@example.org"
    message.set_content(body)
    message.add_attachment(attached.encode(), maintype="text", subtype="plain", filename=name)
    return message.as_bytes()


class Died(BaseException):
    pass


def die(*_args: Any, **_options: Any) -> None:
    raise Died


def traces(w: Workspace, word: str = WORD) -> list[str]:
    return [*in_files(w, word), *in_catalog(w, word), *in_index(w, word), *in_lake(w, word)]


def age_stray_files(w: Workspace) -> None:
    """As if the writes that were killed had been so long ago that none of them can still be under way."""
    for path in w.settings.home.glob("index/**/*"):
        os.utime(path, (time.time() - UNDER_WAY_S - 1,) * 2)


@pytest.fixture
def lived(make_workspace: Make, catalog_url: str, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An installation through which the secret has gone in every way that leaves something behind."""
    w = make_workspace(catalog=catalog_url)
    w.write("mill.md", MILL)
    w.write("bread.md", BREAD)
    w.write(SECRET, plan(1))
    w.allow(SECRET, [f"user:{WORD}"])
    w.write("letter.eml", mail("The plan is attached.", f"{WORD}.txt", f"A map of the {WORD} nests."))
    w.sync()
    for edition in (2, 3):
        w.write(SECRET, plan(edition))
        w.sync()
    w.reindex()
    # a run that dies when its artefacts are in the lake and no row names them
    w.write(SECRET, plan(4))
    with monkeypatch.context() as patch:
        patch.setattr(PendingRows, "flush", die)
        with pytest.raises(Died):
            w.sync()
    # a run of an orchestrator whose last task never came, and whose lease ran out
    steps.prepare(w.platform, steps.start(w.platform, "main", "dag/1")["run"], 0)
    with w.platform.catalog.write() as connection:
        connection.execute(update(leases).values(expires_at=0.0))
        connection.execute(
            update(runs)
            .where(runs.c.id == 1)
            .values(
                message=f"source 'docs' listed '{SECRET}' twice",
                sources={"docs": {"error": f"/mnt/docs/{SECRET}: no permission"}},
            )
        )
    # a release that is pruned, and one that is held
    release.rollback(w.platform, "main", WHO, "not yet")
    w.write(SECRET, plan(5))
    assert w.sync().state == "held"
    maintenance.prune(w.platform, "main", 3)
    return w


def test_nothing_is_left_in_any_store(lived: Workspace) -> None:
    stores = {"documents", "parses", "runs"}
    assert stores <= set(in_catalog(lived, WORD))
    assert {Path(name).parts[0] for name in in_lake(lived, WORD)} >= {"bytes", "parsed", "chunks", "work"}
    assert in_index(lived, WORD)
    assert in_files(lived, WORD)
    for key in (SECRET, f"letter.eml!/{WORD}.txt", "letter.eml"):
        certificate = erase(lived.platform, "docs", key, WHO, "it was asked for")
        assert WORD not in json.dumps(certificate)
    lived.platform.close()
    assert traces(lived) == []
    assert maintenance.verify(lived.platform, "main") == []
    for number in [one["number"] for one in inspection.list_releases(lived.platform, "main")]:
        assert WORD not in reports.release_report_html(lived.platform, "main", number)
    for run_id in range(1, 9):
        assert WORD not in reports.run_report_html(lived.platform, run_id)
    assert WORD not in json.dumps([inspection.status(lived.platform), inspection.log(lived.platform)])
    assert {"bread.md", "mill.md"} <= set(lived.found("rye bread and barley"))


def test_another_process_that_kept_it_in_memory_shows_it_no_more(make_workspace: Make) -> None:
    w = make_workspace()
    w.write("mill.md", MILL)
    w.write(SECRET, plan(1))
    w.sync()
    w.write(SECRET, plan(2))
    w.sync()
    other = w.open()

    def shown() -> list[str]:
        asked = [one(other, "main", f"{WORD} nests", as_of) for one in (search, ask) for as_of in (None, 1, 2)]
        return [json.dumps({**one.to_dict(), "query": "", "question": ""}) for one in asked]

    assert all(WORD in one for one in shown())
    with other.catalog.read() as connection:
        collection = manifest.opened(connection, "main", 2).collection
    rows = list(other.collection(collection).rows(2))
    erase(w.platform, "docs", SECRET, WHO, "it was asked for")
    assert not any(WORD in one for one in shown())
    # a search that had its rows from the store before, and comes to the manifest now
    after = places.locate(other, "main", 2, rows)
    assert [one is None for one in after] == [WORD in row.text for row in rows]
    assert any(one is None for one in after)
    held = places.served(other, "main", 2, {row.document_id for row in rows})
    assert [MILL.split()[-1] in one.text for one in held.values()] == [True]
    other.close()


def test_it_does_not_come_back_by_any_way(lived: Workspace) -> None:
    for key in (SECRET, "letter.eml"):
        erase(lived.platform, "docs", key, WHO, "it was asked for")
    bytes_of = (lived.folder / SECRET).read_bytes()
    lived.write("copies/other.md", bytes_of)
    lived.rename("letter.eml", "moved.eml")
    lived.write("carrier.eml", mail("Somebody hung it on a mail.", "harmless.md", bytes_of.decode()))
    release.resume(lived.platform, "main", WHO, "on")
    lived.sync()
    lived.sync(verify=True)
    lived.reindex()
    assert {one["key"] for one in provenance.quarantine(lived.platform)} == {
        "copies/other.md", "moved.eml", "carrier.eml!/harmless.md",
    }  # fmt: skip
    assert not lived.platform.lake.has(Kind.BYTES, sha256(bytes_of))
    assert in_index(lived, WORD) == []
    assert [name for name in in_lake(lived, WORD) if not name.startswith("bytes")] == []
    assert lived.found("hung on a mail", k=1) == ["carrier.eml"]
    assert maintenance.verify(lived.platform, "main") == []


def test_an_equal_document_does_not_carry_the_erased_ones_name(workspace: Workspace) -> None:
    """Equal bytes are parsed once; a title that the parser took from one file's name would be the other's too."""
    for key in (f"{WORD}.txt", "twin.txt"):
        workspace.write(key, "The miller grinds barley.\n")
    workspace.sync()
    titles = {row.key: row.title for row in workspace.platform.collection("main_g1").rows()}
    assert titles == {f"{WORD}.txt": WORD, "twin.txt": "twin"}
    assert UNNAMED not in titles.values()
    erase(workspace.platform, "docs", f"{WORD}.txt", WHO, "it was asked for")
    workspace.platform.close()
    assert traces(workspace) == []
    assert workspace.found("barley") == ["twin.txt"]


def test_a_reader_of_the_catalog_is_not_robbed_and_erasing_again_ends_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write(SECRET, plan(1))
    workspace.sync()
    monkeypatch.setattr(rewriting, "LOCK_WAIT_S", 0.2)
    with workspace.open().catalog.read() as reader:
        seen = reader.execute(text("select key from documents")).scalar()
        with pytest.raises(TransientError, match="the document is erased, but the catalog's files still hold traces"):
            erase(workspace.platform, "docs", SECRET, WHO, "it was asked for")
        assert reader.execute(text("select key from documents")).scalar() == seen == SECRET
    assert in_files(workspace, WORD)
    age_stray_files(workspace)
    erase(workspace.platform, "docs", SECRET, WHO, "it was asked for")
    workspace.platform.close()
    assert traces(workspace) == []


def test_a_lake_of_somebody_else_is_not_swept(workspace: Workspace) -> None:
    workspace.write(SECRET, plan(1))
    workspace.sync()
    for number in range(FEW + 1):
        workspace.platform.lake.put_bytes(f"theirs {number}".encode())
    with pytest.raises(StoreError, match=r"holds 1001 objects that this catalog does not know, and 4 that it does"):
        erase(workspace.platform, "docs", SECRET, WHO, "it was asked for")
    assert len(list(workspace.platform.lake.names(Kind.BYTES))) == FEW + 2
    assert workspace.found("nests") == [SECRET]


def test_logs_name_no_document(workspace: Workspace, tmp_path: Path) -> None:
    """Every command in processes of their own, as talkative as they get."""
    workspace.write(SECRET, plan(1))
    workspace.write(f"{WORD}.pdf", b"%PDF-1.7 and then nothing")
    workspace.write(f"{WORD}.eml", mail("A note.", f"{WORD}.txt", f"The {WORD} nests."))
    (workspace.folder / f"{WORD}.pdf.access.json").write_text("{")
    config = tmp_path / "penstock.toml"
    config.write_text(
        f'home = "{workspace.settings.home}"\n'
        f'[sources.docs]\ntype = "folder"\npath = "{workspace.folder}"\nwhen_silent = ["public"]\n'
        'access_from = "sidecar"\n[indexes.main]\nsources = ["docs"]\nembedder = { backend = "hashing" }\n'
        "gates = { max_quarantined_share = 1.0 }\n[parser]\nworkers = 1\n"
    )
    told = {"PENSTOCK_CONFIG": str(config), "PENSTOCK_LOG": "json", "PENSTOCK_LOG_LEVEL": "DEBUG"}
    penstock = str(Path(sys.executable).with_name("penstock"))
    for command in (["sync", "main"], ["erase", "docs", SECRET, "--why", "it was asked for"]):
        done = run([penstock, *command], env={**os.environ, **told}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        assert {"run.begin", "run.end"} <= {one["event"] for one in logged}
        assert not holds(json.dumps(logged).encode(), WORD)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with versioning on a real S3 server."""
    with s3_server() as url:
        keep_stores_at(monkeypatch, url)
        client = s3_client(url)
        client.create_bucket(Bucket="bucket")
        client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        yield client


def versions(client: Any, bucket: str = "bucket") -> list[tuple[str, str]]:
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [(one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", ())]


def versions_with(client: Any, word: str) -> list[str]:
    def body(key: str, version: str) -> bytes:
        data: bytes = client.get_object(Bucket="bucket", Key=key, VersionId=version)["Body"].read()
        return data

    return [key for key, version in versions(client) if holds(body(key, version), word)]


def test_old_versions_of_a_buckets_objects_go_too(make_workspace: Make, bucket: Any) -> None:
    w = make_workspace(store={"lake": "s3://bucket/some/lake", "index": "s3://bucket/some/index"})
    bucket.put_object(Bucket="bucket", Key="some/lakes.txt", Body=b"a neighbour's first version")
    bucket.put_object(Bucket="bucket", Key="some/lakes.txt", Body=b"and its second")
    w.write("mill.md", MILL)
    w.write(SECRET, plan(1))
    w.sync()
    w.write(SECRET, plan(2))
    w.sync()
    w.reindex()
    maintenance.prune(w.platform, "main", 1)
    before = versions_with(bucket, WORD)
    assert {"/".join(key.split("/")[:3]) for key in before} >= {
        "some/lake/bytes", "some/lake/parsed", "some/lake/chunks", "some/index/main_g1.lance",
        "some/index/main_g3.lance",
    }  # fmt: skip
    erase(w.platform, "docs", SECRET, WHO, "it was asked for")
    assert versions_with(bucket, WORD) == []
    assert len([key for key, _version in versions(bucket) if key == "some/lakes.txt"]) == 2
    assert maintenance.verify(w.platform, "main") == []
    assert w.found("barley") == ["mill.md"]


def test_a_bucket_that_keeps_its_versions_is_an_error(make_workspace: Make, bucket: Any) -> None:
    """A lock on objects outlives whoever asks; that must be said, not passed over."""
    bucket.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    w = make_workspace(store={"lake": "s3://locked/lake"})
    w.write("mill.md", MILL)
    w.write(SECRET, plan(1))
    w.sync()
    (version,) = [one for one in versions(bucket, "locked") if one[0].endswith(sha256(plan(1).encode()))]
    held = {"Bucket": "locked", "Key": version[0], "VersionId": version[1]}
    bucket.put_object_legal_hold(**held, LegalHold={"Status": "ON"})
    with pytest.raises(StoreError, match="old versions of objects in s3://locked/lake could not be deleted: lake/byt"):
        erase(w.platform, "docs", SECRET, WHO, "it was asked for")
    bucket.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})
    age_stray_files(w)
    erase(w.platform, "docs", SECRET, WHO, "it was asked for")
    w.platform.close()
    assert traces(w) == []


def test_a_listing_that_failed_does_not_keep_the_name(workspace: Workspace) -> None:
    workspace.write(SECRET, plan(1))
    workspace.sync()
    workspace.remove(SECRET)
    workspace.folder.rename(workspace.folder.with_name(SECRET))
    workspace.settings = workspace.settings.model_copy(
        update={
            "sources": {
                "docs": workspace.settings.sources["docs"].model_copy(update={"path": workspace.root / SECRET / "gone"})
            }
        }
    )
    workspace.platform = workspace.open()
    with pytest.raises(ListingError):
        workspace.sync()
    assert "source_states" in in_catalog(workspace, WORD)
    erase(workspace.platform, "docs", SECRET, WHO, "it was asked for")
    assert in_catalog(workspace, WORD) == []


def test_a_document_that_always_waited_in_quarantine_is_counted_no_more(make_workspace: Make) -> None:
    """It has no row in any release, and stands in the manifest of each."""
    w = make_workspace()
    w.write("mill.md", MILL)
    w.write("broken.docx", b"no document")
    w.sync()
    w.write("bread.md", BREAD)
    w.sync()
    certificate = erase(w.platform, "docs", "broken.docx", WHO, "asked to")
    assert certificate["releases_redacted"] == {"main": [1, 2]}
    assert [one["quarantined"] for one in inspection.list_releases(w.platform, "main")] == [0, 0]
    assert maintenance.verify(w.platform, "main") == []
