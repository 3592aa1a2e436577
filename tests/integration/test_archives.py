"""Invariants 4 and 7: the members of an archive are documents, each accounted for, with the rights of the archive."""

from __future__ import annotations

import zipfile
from io import BytesIO

from penstock import maintenance, provenance
from penstock.erasure import erase
from support.workspace import WHO, Workspace


def packed(**members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return buffer.getvalue()


OARS = b"# Oars\n\nSpare oars hang in the boat house."
ROPE = b"The rope is forty metres long."
DAMAGED = packed(log_txt=b"The keel was painted.").replace(b"keel", b"kee1")
LOCKER = packed(guide__oars_md=OARS, rope_txt=ROPE, picture_png=b"\x89PNG\r\n\x1a\n" + bytes(99), old_zip=DAMAGED)


def reasons(w: Workspace) -> dict[str, str]:
    return {one["key"]: one["reason"] for one in provenance.quarantine(w.platform)}


def test_every_member_is_counted_and_found_under_its_path(workspace: Workspace) -> None:
    workspace.write("locker.zip", LOCKER)
    report = workspace.sync()
    assert (report.state, report.counts["attachments"], report.counts["quarantined"]) == ("published", 5, 2)
    assert workspace.found("spare oars")[0] == "locker.zip!/guide/oars.md"
    assert reasons(workspace) == {
        "locker.zip!/picture.png": "unsupported",
        "locker.zip!/old.zip!/log.txt": "truncated",
    }
    again = workspace.sync()
    assert (again.state, again.counts["work"], again.counts["attachments_carried"]) == ("unchanged", 0, 5)
    assert maintenance.verify(workspace.platform, "main") == []


def test_a_changed_archive_costs_its_changed_members(workspace: Workspace) -> None:
    workspace.write("locker.zip", LOCKER)
    workspace.sync()
    workspace.write("locker.zip", packed(first_txt=b"A boat hook.", guide__oars_md=OARS))
    report = workspace.sync()
    assert (report.counts["parsed"], report.counts["embedded"]) == (2, 1)  # the archive itself, and the new member
    assert workspace.found("spare oars")[0] == "locker.zip!/guide/oars.md"
    assert "locker.zip!/rope.txt" not in workspace.found("forty metres of rope")


def test_members_have_the_readers_of_their_archive(workspace: Workspace) -> None:
    workspace.write("locker.zip", LOCKER)
    workspace.sync()
    workspace.allow("locker.zip", ["group:crew"])
    assert workspace.sync().counts["work"] == 0
    assert workspace.found("spare oars") == []
    assert workspace.found("spare oars", principals=("group:crew",))[0] == "locker.zip!/guide/oars.md"


def test_an_erased_archive_takes_its_members_with_it(workspace: Workspace) -> None:
    workspace.write("locker.zip", LOCKER)
    workspace.write("pier.md", "# Pier\n\nThe pier is open.\n")
    workspace.sync()
    erase(workspace.platform, "docs", "locker.zip", WHO, "asked to")
    workspace.sync()
    assert workspace.found("spare oars") == ["pier.md"]
    assert all(
        b"forty metres" not in path.read_bytes()
        for path in workspace.root.rglob("*")
        if path.name != "locker.zip" and path.is_file()
    )


def test_an_archive_with_a_damaged_member_is_taken_up_again_like_any_other(workspace: Workspace) -> None:
    workspace.write("locker.zip", LOCKER)
    workspace.sync()
    workspace.rename("locker.zip", "chest.zip")
    report = workspace.sync()
    assert (report.state, report.counts["parsed"], report.counts["attachments"]) == ("published", 0, 5)
    assert reasons(workspace) == {
        "chest.zip!/picture.png": "unsupported",
        "chest.zip!/old.zip!/log.txt": "truncated",
    }
    assert workspace.sync(verify=True).state == "unchanged"
    assert workspace.reindex().state == "published"
    assert maintenance.verify(workspace.platform, "main") == []
