"""Objects of the lake that went missing or were altered: ``verify`` finds every kind, a verifying sync mends it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.main import get_command

from penstock import maintenance, steps
from penstock.cli import app
from penstock.erasure import erase
from penstock.errors import StoreError
from penstock.lake import SEAL, Kind
from support.traces import in_files
from support.workspace import WHO, Workspace

FERRY = "# Ferry\n\nThe ferry crosses at dawn.\n\n## Fares\n\nA crossing costs four crowns.\n"
BREAD = "# Bread\n\nThe baker bakes rye bread on Fridays.\n"
NAMES = {
    Kind.BYTES: "bytes",
    Kind.PARSED: "parsed texts",
    Kind.CHUNKS: "chunk lists",
    Kind.VECTORS: "packs of vectors",
}

Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    """One bit of one byte, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_seal(path: Path) -> None:
    flip(path)
    path.write_bytes(b"X" + path.read_bytes()[1:])


DAMAGES: list[Damage] = [Path.unlink, flip, cut, empty, damage_seal]


@pytest.fixture
def served(workspace: Workspace) -> Workspace:
    """Two documents and a mail with an attachment, as release 1."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Keys", "a@example.org", "b@example.org"
    message.set_content("The keys hang in the porch.")
    message.add_attachment(b"Two keys, one whistle.", maintype="text", subtype="plain", filename="list.txt")
    workspace.write("ferry.md", FERRY)
    workspace.write("bread.md", BREAD)
    workspace.write("keys.eml", message.as_bytes())
    assert workspace.sync().state == "published"
    return workspace


def objects(w: Workspace, kind: Kind) -> list[Path]:
    return [path for path in (w.settings.home / "lake" / kind).rglob("*") if path.is_file()]


def contents(w: Workspace, *kinds: Kind) -> dict[Path, bytes]:
    return {path: path.read_bytes() for kind in kinds for path in objects(w, kind)}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", NAMES)
def test_each_kind_is_found_and_mended(served: Workspace, kind: Kind, damage: Damage) -> None:
    before = contents(served, *NAMES)
    damaged = objects(served, kind)
    for path in damaged:
        damage(path)
    served.platform = served.open()
    state = "missing" if damage is Path.unlink else "altered"
    assert [finding.what for finding in maintenance.verify(served.platform, "main")] == [
        f"lake: {len(damaged)} {NAMES[kind]} {state}"
    ]
    assert served.sync().counts["work"] == 0
    report = served.sync(verify=True)
    assert (report.state, report.counts["work"]) == ("unchanged", 3)
    assert maintenance.verify(served.platform, "main") == []
    assert contents(served, Kind.BYTES, Kind.PARSED, Kind.CHUNKS).items() <= before.items()
    assert len(contents(served, *NAMES)) == len(before)
    assert served.found("two keys and a whistle", k=1) == ["keys.eml!/list.txt"]


def test_what_no_source_holds_any_more_goes_by_the_command_that_verify_prints(served: Workspace) -> None:
    (bread,) = (path for path in objects(served, Kind.BYTES) if b"rye bread" in path.read_bytes())
    served.remove("bread.md")
    assert served.sync().release == 2
    flip(bread)
    served.sync(verify=True)
    (finding,) = maintenance.verify(served.platform, "main")
    assert (finding.what, finding.remedy) == (
        "lake: 1 bytes altered",
        (
            "run `penstock sync main --verify`; what no source holds any more goes with its releases, "
            "`penstock prune main --keep 1`"
        ),
    )
    commands = [line.split()[1:] for line in re.findall(r"`(.+?)`", finding.remedy)]
    for name, *rest in commands:
        get_command(app).commands[name].make_context(name, rest)  # type: ignore[attr-defined]  # it parses
    maintenance.prune(served.platform, "main", 1)
    assert maintenance.verify(served.platform, "main") == []


def test_a_lake_that_was_lost_whole_is_made_again(served: Workspace) -> None:
    before = contents(served, Kind.BYTES, Kind.PARSED, Kind.CHUNKS)
    for kind in NAMES:
        for path in objects(served, kind):
            path.unlink()
    served.platform = served.open()
    assert served.sync(verify=True).state == "unchanged"
    assert maintenance.verify(served.platform, "main") == []
    assert contents(served, Kind.BYTES, Kind.PARSED, Kind.CHUNKS) == before


def test_tasks_mend_as_one_process_does(served: Workspace) -> None:
    for path in objects(served, Kind.CHUNKS):
        flip(path)
    begun = steps.start(served.platform, "main", "dag/1", verify=True)
    for batch in range(begun["batches"]):
        steps.prepare(served.platform, begun["run"], batch)
    assert steps.collect(served.platform, begun["run"]) == 0
    assert steps.stage(served.platform, begun["run"]) is None
    assert maintenance.verify(served.platform, "main") == []


def test_a_text_whose_vector_is_lost_says_what_to_do(served: Workspace) -> None:
    for path in objects(served, Kind.VECTORS):
        path.unlink()
    served.platform = served.open()
    served.write("copy.md", BREAD)
    with pytest.raises(StoreError, match=r"lake object vectors/.* is missing from .*; run a sync with --verify"):
        served.sync()
    report = served.sync(verify=True)
    assert (report.state, report.release) == ("published", 2)
    assert maintenance.verify(served.platform, "main") == []


def test_lost_bytes_of_a_document_that_is_tried_again_are_fetched_again(served: Workspace) -> None:
    served.write("bad.pdf", b"%PDF-1.7 and then nothing")
    served.sync()
    lost = {path for path in objects(served, Kind.BYTES) if path.read_bytes().startswith(b"%PDF")}
    for path in lost:
        path.unlink()
    assert maintenance.retry_quarantined(served.platform, "docs", "bad.pdf") == 1
    report = served.sync()
    assert (report.counts["fetched"], report.counts["parsed"], report.state) == (1, 1, "unchanged")
    assert lost <= set(objects(served, Kind.BYTES))


def test_a_search_says_what_to_do(served: Workspace) -> None:
    for path in objects(served, Kind.CHUNKS):
        flip(path)
    with pytest.raises(StoreError, match=r"lake object chunks/.* was altered: .*; run a sync with --verify"):
        served.found("rye bread")


@pytest.mark.parametrize("kind", [Kind.CHUNKS, Kind.VECTORS])
def test_what_is_lost_does_not_stand_in_the_way_of_forgetting(served: Workspace, kind: Kind) -> None:
    for path in objects(served, kind):
        flip(path)
    served.platform = served.open()
    certificate = erase(served.platform, "docs", "bread.md", WHO, "it was asked for")
    assert certificate["vectors_erased"] >= 1
    served.platform.close()
    assert in_files(served, "rye bread") == []
    served.sync(verify=True)
    assert maintenance.verify(served.platform, "main") == []


def test_objects_from_before_there_were_seals_are_read(served: Workspace) -> None:
    for path in objects(served, Kind.CHUNKS) + objects(served, Kind.PARSED):
        head, _, rest = path.read_bytes().partition(b"\n")
        assert head.startswith(SEAL)
        path.write_bytes(rest)
    assert maintenance.verify(served.platform, "main") == []
    assert served.found("rye bread", k=1) == ["bread.md"]


@pytest.mark.parametrize(("lost", "remedy"), [("main_g1", "prune"), ("main_g2", "reindex")])
def test_a_lost_collection_is_named_and_what_is_advised_mends_it(served: Workspace, lost: str, remedy: str) -> None:
    w = served
    assert w.reindex().state == "published"
    shutil.rmtree(Path(w.settings.index_url) / f"{lost}.lance")
    w.platform = w.open()
    advised = {
        "prune": "run `penstock prune main --keep 1`",
        "reindex": "run `penstock reindex main`, then `penstock prune main --keep 1`",
    }[remedy]
    number = 1 if lost == "main_g1" else 2
    assert [(one.what, one.remedy) for one in maintenance.verify(w.platform, "main")] == [
        (f"release {number}: its collection {lost} is gone", advised)
    ]
    with pytest.raises(StoreError, match=re.escape(advised)):
        w.sync()
    if remedy == "reindex":
        assert w.reindex().state == "published"
    maintenance.prune(w.platform, "main", 1)
    assert maintenance.verify(w.platform, "main") == []
    assert w.sync().state == "unchanged"
    assert w.found("rye")[0] == "bread.md"
