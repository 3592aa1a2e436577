"""The invariants that ingestion touches, each attacked by a test that names it. Everything real but the embedder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from penstock import inspection, leases, maintenance, manifest, provenance, quality, release
from penstock.catalog.schema import decisions, documents, parses, redactions, releases, runs, texts
from penstock.erasure import erase
from penstock.errors import AccountingError, ListingError, RefusedError, UsageError
from penstock.ids import document_id
from penstock.lake import Kind
from penstock.retrieval import search
from penstock.source_settings import AccessRule
from penstock.sources import folder
from support.workspace import WHO, Workspace

FERRY = "# Ferry\n\nThe ferry crosses the river at dawn.\n\n## Fares\n\nA crossing costs four crowns for adults.\n"
BREAD = "# Bread\n\nThe baker bakes rye bread on Fridays.\n"
MILL = "# Mill\n\nThe miller grinds barley in the old mill.\n"


@pytest.fixture
def full(make_workspace: Callable[..., Workspace], catalog_url: str) -> Workspace:
    """Three documents, published as release 1, on either kind of catalog."""
    made = make_workspace(catalog=catalog_url)
    for key, text in (("ferry.md", FERRY), ("bread.md", BREAD), ("mill.md", MILL)):
        made.write(key, text)
    assert made.sync().state == "published"
    return made


class TestInvariant1OnlyGatesPublish:
    def test_a_refused_release_is_seen_by_nobody_until_a_person_approves_it(
        self, make_workspace: Callable[..., Workspace]
    ) -> None:
        w = make_workspace(gates={"max_removed_share": 0.4})
        for key, text in (("ferry.md", FERRY), ("bread.md", BREAD), ("mill.md", MILL)):
            w.write(key, text)
        w.sync()
        w.remove("ferry.md")
        w.remove("bread.md")
        refused = w.sync()
        assert (refused.state, refused.release, refused.exit_code) == ("waiting", 2, 1)
        assert "removals: 66.7%, allowed at most 40%" in refused.message
        assert w.found("the ferry crosses the river", k=3)[0] == "ferry.md"
        with pytest.raises(UsageError, match="release 2 of 'main' is waiting"):
            search(w.platform, "main", "ferry", as_of=2)
        with pytest.raises(UsageError, match="a decision needs a reason"):
            release.approve(w.platform, "main", 2, WHO, " \u200b")
        assert release.approve(w.platform, "main", 2, WHO, "the ferry closed").live == 2
        assert w.found("the ferry crosses the river") == ["mill.md"]

    def test_a_release_without_verdicts_is_not_published(self, full: Workspace) -> None:
        assert not quality.passed([])
        with full.platform.catalog.write() as connection:
            connection.execute(update(releases).values(state=manifest.STAGING))
            connection.execute(delete(quality.gates))
        lease = leases.acquire(full.platform.catalog, "main", "run 2", lease_s=60)
        assert release.settle(full.platform, "main", 1, lease) == manifest.WAITING


class TestInvariant2AReaderSeesOneReleaseWhole:
    def test_each_release_keeps_its_own_texts(self, full: Workspace) -> None:
        before = full.texts()
        full.write("ferry.md", FERRY.replace("four crowns", "five crowns"))
        full.remove("bread.md")
        assert full.sync().release == 2
        after = full.texts()
        assert full.texts(as_of=1) == before
        assert after - before == {t.replace("four", "five") for t in before if "four crowns" in t}
        assert any("rye bread" in t for t in before - after)

    def test_publish_and_rollback_write_the_same_few_rows_whatever_the_size(self, full: Workspace) -> None:
        full.write("more.md", "# More\n\n" + "\n\n".join(f"Sentence number {n} stands here." for n in range(200)))
        full.sync()
        moved = release.rollback(full.platform, "main", WHO, "a mistake")
        assert (moved.before, moved.live) == (2, 1)
        with full.platform.catalog.read() as connection:
            assert manifest.pointer(connection, "main") == (1, True)


class TestInvariant3CostFollowsChange:
    def test_an_unchanged_corpus_costs_nothing(self, full: Workspace) -> None:
        report = full.sync()
        assert (report.state, report.release) == ("unchanged", 1)
        assert report.counts["unchanged"] == 3
        assert report.counts.get("fetched", 0) == report.counts.get("embedded", 0) == report.counts["work"] == 0
        assert report.message == "nothing changed: 3 documents listed, release 1 stays live"

    def test_a_touched_file_is_fetched_and_nothing_more(self, full: Workspace) -> None:
        os.utime(full.folder / "mill.md", ns=(1, 1))
        report = full.sync()
        assert report.state == "unchanged"
        assert (report.counts["fetched"], report.counts["parsed"], report.counts["embedded"]) == (1, 0, 0)
        assert full.sync().counts["work"] == 0

    def test_an_edited_paragraph_costs_the_chunks_that_hold_it(self, full: Workspace) -> None:
        full.write("ferry.md", FERRY.replace("four crowns", "five crowns"))
        report = full.sync()
        assert (report.counts["embedded"], report.counts["rows_added"], report.counts["rows_removed"]) == (1, 1, 1)

    def test_a_text_in_ten_documents_is_embedded_once(self, full: Workspace) -> None:
        for n in range(10):
            full.write(f"copy/{n}.md", MILL)
        report = full.sync()
        assert (report.counts["new"], report.counts["embedded"], report.counts["rows_added"]) == (10, 0, 10)

    def test_equal_bytes_are_parsed_once_also_within_one_run(self, full: Workspace) -> None:
        for n in range(10):
            full.write(f"equal/{n}.md", "# Equal\n\nThe same bytes ten times.\n")
        report = full.sync()
        assert (report.counts["new"], report.counts["parsed"], report.counts["embedded"]) == (10, 1, 1)

    def test_a_rename_reuses_every_artefact(self, full: Workspace) -> None:
        full.rename("mill.md", "old/mill.md")
        report = full.sync()
        assert (report.counts["new"], report.counts["removed"]) == (1, 1)
        assert (report.counts["parsed"], report.counts["embedded"]) == (0, 0)

    def test_verify_fetches_everything_and_stages_nothing(self, full: Workspace) -> None:
        report = full.sync(verify=True)
        assert (report.state, report.counts["fetched"], report.counts["same"]) == ("unchanged", 3, 3)

    def test_a_file_moved_over_another_of_its_size_and_time_is_seen(self, full: Workspace) -> None:
        replace_unseen(full.folder / "bread.md", BREAD.replace("Fridays", "Mondays"))
        assert full.sync().counts["changed"] == 1

    def test_an_edit_that_hides_from_the_hint_is_found_by_verify(
        self, full: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            folder, "_hint", lambda status, _before=None: str(status.st_size)
        )  # a mount that keeps no times
        assert full.sync().counts["same"] == 3
        replace_unseen(full.folder / "bread.md", BREAD.replace("Fridays", "Mondays"))
        assert full.sync().state == "unchanged"
        assert full.sync(verify=True).counts["changed"] == 1


def replace_unseen(path: Path, text: str) -> None:
    """Put another file in the place of one, with its time of modification."""
    stat, other = path.stat(), path.with_name("other")
    other.write_text(text)
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_size == stat.st_size


class TestInvariant4EveryDocumentIsAccountedFor:
    def test_counts_close_over_every_kind_of_outcome(self, full: Workspace) -> None:
        full.write("broken.docx", b"PK\x03\x04 this is no archive")
        full.write("blank.md", "")
        full.write("new.md", "# New\n\nSomething new.\n")
        report = full.sync()
        counts = report.counts
        assert (counts["listed"], counts["unchanged"], counts["new"], counts["quarantined"]) == (6, 3, 1, 2)
        reasons = {one["key"]: one["reason"] for one in provenance.quarantine(full.platform)}
        assert reasons == {"broken.docx": "truncated", "blank.md": "empty"}
        again = full.sync()
        assert (again.state, again.counts["quarantined_before"]) == ("unchanged", 2)

    def test_attachments_are_documents_of_their_own(self, full: Workspace) -> None:
        full.write("note.eml", mail("The list is attached.", ("list.txt", "Spare paddles and a rope.")))
        report = full.sync()
        assert (report.counts["work"], report.counts["attachments"], report.counts["new"]) == (1, 1, 2)
        assert full.found("spare paddles and a rope")[0] == "note.eml!/list.txt"
        assert full.sync().counts["attachments_carried"] == 1
        full.write("note.eml", mail("The list is gone."))
        assert full.sync().counts["attachments_removed"] == 1
        assert "note.eml!/list.txt" not in full.found("spare paddles and a rope")

    def test_a_file_that_is_called_like_an_attachment_is_another_document(self, full: Workspace) -> None:
        full.write("note.eml", mail("The list is attached.", ("list.txt", "Spare paddles and a rope.")))
        full.write("note.eml!/list.txt", "The salaries of the year.")
        full.allow("note.eml!/list.txt", ["group:hr"])
        report = full.sync()
        assert (report.counts["listed"], report.counts["attachments"], report.counts["new"]) == (5, 1, 3)
        assert full.found("spare paddles and a rope")[0] == "note.eml!/list.txt"
        assert full.found("salaries of the year", principals=("group:hr",))[0] == "note.eml%21/list.txt"
        assert "The salaries of the year." not in full.texts(principals=("public",))
        assert full.sync().state == "unchanged"
        full.remove("note.eml")
        full.sync()
        assert "The salaries of the year." in full.texts(principals=("group:hr",))
        assert maintenance.verify(full.platform, "main") == []

    def test_a_store_that_lost_a_row_is_not_published(self, full: Workspace) -> None:
        collection = full.platform.collection("main_g1")
        lost = next(iter(collection.rows(1)))
        collection.erase([lost.document_id])
        full.write("new.md", "# New\n\nSomething new.\n")
        with pytest.raises(AccountingError, match=r"release 2 of 'main' does not add up .*rows: \d+ ≠ \d+"):
            full.sync()
        with full.platform.catalog.read() as connection:
            assert manifest.pointer(connection, "main")[0] == 1


class TestInvariant5AbsenceIsNotDeletion:
    def test_an_empty_listing_removes_nothing(self, full: Workspace) -> None:
        for key in ("ferry.md", "bread.md", "mill.md"):
            full.remove(key)
        with pytest.raises(
            ListingError, match="listed nothing, but 3 of its documents are served; nothing was removed"
        ):
            full.sync()
        assert full.found("rye bread")[0] == "bread.md"

    def test_a_missing_folder_removes_nothing(self, full: Workspace) -> None:
        full.folder.rename(full.root / "elsewhere")
        with pytest.raises(ListingError):
            full.sync()
        assert inspection.status(full.platform)[0]["sources"][0]["error"]
        assert len(full.texts()) == 4

    def test_a_source_taken_out_of_the_configuration_deletes_nothing(self, full: Workspace) -> None:
        other = full.root / "other"
        other.mkdir()
        (other / "pond.md").write_text("# Pond\n\nDucks live on the pond.\n")
        docs = full.settings.sources["docs"]
        full.settings = full.settings.model_copy(update={"sources": {"pond": docs.model_copy(update={"path": other})}})
        full.change_index(sources=("pond",))
        assert full.sync().counts["removed"] == 0
        assert full.found("rye bread")[0] == "bread.md"
        assert full.found("ducks on the pond")[0] == "pond.md"
        assert [s["configured"] for s in inspection.status(full.platform)[0]["sources"]] == [True, False]

    def test_a_source_that_never_listed_anything_is_probably_a_wrong_one(
        self, make_workspace: Callable[..., Workspace]
    ) -> None:
        w = make_workspace()
        with pytest.raises(ListingError, match=r"source 'docs' listed nothing\. Check its path"):
            w.sync()
        assert inspection.list_releases(w.platform, "main") == []


class TestInvariant6RunItAgain:
    def test_a_half_staged_release_is_staged_again_under_its_number(self, full: Workspace) -> None:
        full.write("new.md", "# New\n\nSomething new.\n")
        before = full.texts()
        with full.platform.catalog.write() as connection:
            connection.execute(documents.update().values(hint="forgotten"))
        crash_after_rows(full)
        assert full.texts() == before
        report = full.sync()
        assert (report.state, report.release) == ("published", 2)
        assert maintenance.verify(full.platform, "main") == []

    def test_what_a_dead_run_staged_and_the_source_took_back_is_gone(self, full: Workspace) -> None:
        full.write("ghost.md", "# Ghost\n\nA ghost in the mill.\n")
        crash_after_rows(full)
        full.remove("ghost.md")
        full.write("real.md", "# Real\n\nA real thing.\n")
        assert full.sync().release == 2
        assert "ghost.md" not in full.found("a ghost in the mill")
        assert maintenance.verify(full.platform, "main") == []


class TestInvariant7ABadDocumentHurtsOnlyItself:
    def test_it_is_tried_again_only_when_its_bytes_change(self, full: Workspace) -> None:
        full.write("bad.pdf", b"%PDF-1.7 and then nothing")
        assert full.sync().counts["quarantined"] == 1
        assert full.sync().counts["work"] == 0
        full.write("bad.pdf", b"%PDF-1.7 and then nothing more")
        assert full.sync().counts["parsed"] == 1

    def test_retry_tries_it_again(self, full: Workspace) -> None:
        full.write("bad.pdf", b"%PDF-1.7 and then nothing")
        full.sync()
        assert maintenance.retry_quarantined(full.platform, "docs", "bad.pdf") == 1
        assert maintenance.retry_quarantined(full.platform) == 0  # it is marked already
        report = full.sync()
        assert (report.counts["parsed"], report.counts["fetched"], report.state) == (1, 0, "unchanged")

    def test_a_document_that_breaks_leaves_the_index(self, full: Workspace) -> None:
        full.write("bread.md", b"\x00\x01\x02" * 100)
        report = full.sync()
        assert report.counts["quarantined"] == 1
        assert "bread.md" not in full.found("rye bread")
        assert "quarantine" in provenance.explain(full.platform, "docs", "bread.md")["verdict"][0]

    def test_what_was_refused_unseen_costs_nothing_until_something_changes(
        self, make_workspace: Callable[..., Workspace]
    ) -> None:
        w = make_workspace(max_bytes=20_000)
        w.write("mill.md", MILL)
        w.write("long.txt", "a mill " * 5000)
        w.write("locked.md", "# Locked\n\nNobody knows who may read this.\n")
        (w.folder / "locked.md.access.json").write_text("{")
        w.write("deep.eml", nested_mail(6))
        w.sync()
        waiting = {one["key"]: one for one in provenance.quarantine(w.platform)}
        assert {one["reason"] for one in waiting.values()} == {"too-large", "bad-sidecar", "too-deep"}
        assert all(one["remedy"] for one in waiting.values())
        again = w.sync()
        assert (again.state, again.counts["work"], again.counts["quarantined_before"]) == ("unchanged", 0, 2)
        docs = w.settings.sources["docs"].model_copy(update={"max_bytes": 100_000})
        w.settings = w.settings.model_copy(update={"sources": {"docs": docs}})
        w.platform = w.open()
        w.allow("locked.md", ["public"])
        assert w.sync().counts["work"] == 2
        assert w.found("a mill")[0] == "long.txt"
        assert w.found("nobody knows")[0] == "locked.md"


class TestInvariant8WhoMayRead:
    def test_a_right_taken_away_is_gone_from_every_release_at_once(self, full: Workspace) -> None:
        full.write("bread.md", BREAD.replace("Fridays", "Sundays"))
        full.sync()
        full.allow("bread.md", ["group:bakers"])
        report = full.sync()
        assert (report.state, report.counts["access_changed"], report.counts["work"]) == ("unchanged", 1, 0)
        for release_ in (None, 1, 2):
            assert "bread.md" not in full.found("rye bread", as_of=release_)
            assert "bread.md" in full.found("rye bread", as_of=release_, principals=("group:bakers",))
        release.rollback(full.platform, "main", WHO, "back")
        assert "bread.md" not in full.found("rye bread")

    def test_a_sidecar_that_cannot_be_read_shuts_the_document(self, full: Workspace) -> None:
        (full.folder / "bread.md.access.json").write_text("{not json")
        report = full.sync()
        assert report.counts["quarantined"] == 1
        assert "bread.md" not in full.found("rye bread", as_of=1)
        (full.folder / "bread.md.access.json").unlink()
        full.sync()
        assert full.found("rye bread")[0] == "bread.md"
        assert maintenance.verify(full.platform, "main") == []

    def test_attachments_follow_their_mail_even_where_no_release_shows_them_now(self, full: Workspace) -> None:
        full.write("note.eml", mail("The list is attached.", ("list.txt", "Spare paddles and a rope.")))
        full.sync()
        full.write("note.eml", mail("The list is gone."))
        full.sync()
        full.allow("note.eml", ["group:stores"])
        full.sync()
        assert "note.eml!/list.txt" not in full.found("spare paddles and a rope", as_of=2)
        assert "note.eml!/list.txt" in full.found("spare paddles and a rope", as_of=2, principals=("group:stores",))
        full.remove("note.eml")
        full.sync()
        (full.folder / "note.eml.access.json").unlink()
        full.write("note.eml", mail("The list is attached.", ("list.txt", "Spare paddles and a rope.")))
        full.sync()
        assert "note.eml!/list.txt" in full.found("spare paddles and a rope")
        assert maintenance.verify(full.platform, "main") == []

    def test_a_new_rule_holds_for_what_only_old_releases_show(self, make_workspace: Callable[..., Workspace]) -> None:
        w = make_workspace(access_from="rules")
        w.write("pay/bands.md", "# Pay\n\nThe miller earns eleven crowns.\n")
        w.write("mill.md", MILL)
        w.sync()
        w.remove("pay/bands.md")
        w.sync()
        assert "pay/bands.md" in w.found("eleven crowns", as_of=1)
        docs = w.settings.sources["docs"]
        rule = AccessRule(prefix="pay/", principals=("group:hr",))
        w.settings = w.settings.model_copy(update={"sources": {"docs": docs.model_copy(update={"access": (rule,)})}})
        w.platform = w.open()
        w.sync()
        assert "pay/bands.md" not in w.found("eleven crowns", as_of=1)

    def test_a_rule_holds_also_while_the_source_cannot_be_listed(
        self, make_workspace: Callable[..., Workspace]
    ) -> None:
        w = make_workspace(access_from="rules")
        w.write("pay/bands.md", "# Pay\n\nThe miller earns eleven crowns.\n")
        w.sync()
        docs = w.settings.sources["docs"]
        rule = AccessRule(prefix="pay/", principals=("group:hr",))
        w.settings = w.settings.model_copy(update={"sources": {"docs": docs.model_copy(update={"access": (rule,)})}})
        w.platform = w.open()
        w.folder.rename(w.folder.with_name("elsewhere"))
        with pytest.raises(ListingError):
            w.sync()
        assert w.found("eleven crowns") == []
        assert w.found("eleven crowns", principals=("group:hr",)) == ["pay/bands.md"]

    def test_nobody_is_not_a_reader(self, full: Workspace) -> None:
        full.allow("bread.md", ["nobody"])
        full.sync()
        assert "bread.md" not in full.found("rye bread")
        with pytest.raises(UsageError, match="'nobody' is not a reader"):
            full.found("rye bread", principals=("nobody",))

    def test_a_change_that_was_cut_short_is_made_good(self, full: Workspace) -> None:
        full.allow("bread.md", ["group:bakers"])
        with full.platform.catalog.write() as connection:
            connection.execute(
                update(documents)
                .where(documents.c.key == "bread.md")
                .values(principals='["group:bakers"]', principals_pending=True)
            )
        assert full.sync().counts["access_changed"] == 1
        assert "bread.md" not in full.found("rye bread")


class TestInvariant9Traced:
    def test_from_a_cited_sentence_to_everything_that_made_it(self, full: Workspace) -> None:
        hit = search(full.platform, "main", "four crowns for adults").hits[0]
        found = provenance.trace(full.platform, hit.chunk_id)
        assert found["document"]["key"] == "ferry.md"
        assert found["releases"] == [1]
        assert found["run"] == 1
        assert found["embedder"]["backend"] == "hashing"
        assert found["vector"] == {"run": 1, "library": "penstock hashing", "precision": "float32"}
        data = full.platform.lake.get(Kind.BYTES, found["place"]["revision"])
        assert data.decode() == FERRY

    def test_the_span_is_exact_also_after_text_was_inserted_above(self, full: Workspace) -> None:
        from penstock.parsing import from_json

        full.write(
            "ferry.md",
            FERRY.replace("# Ferry\n\n", "# Ferry\n\nA new first paragraph about timetables.\n\n"),
        )
        full.sync()
        for as_of in (1, 2):
            hit = search(full.platform, "main", "four crowns for adults", as_of=as_of).hits[0]
            with full.platform.catalog.read() as connection:
                key = connection.execute(select(parses.c.key).where(parses.c.revision == hit.revision)).scalar_one()
            text = from_json(full.platform.lake.get(Kind.PARSED, key)).text
            assert text[hit.start : hit.end] == hit.text


class TestInvariant12Forgetting:
    def test_nothing_is_left_and_the_releases_still_add_up(self, full: Workspace) -> None:
        full.write(
            "secret.md", "# Secret\n\nThe quetzalcoatlus nests under the millrace.\n\nThe miller grinds barley.\n"
        )
        full.sync()
        full.write("secret.md", "# Secret\n\nThe quetzalcoatlus nests above the millrace.\n")
        full.sync()
        certificate = erase(full.platform, "docs", "secret.md", WHO, "asked to")
        assert certificate["releases_redacted"] == {"main": [2, 3]}
        assert certificate["decisions_that_name_it"] == []
        with full.platform.catalog.read() as connection:
            kept = connection.execute(select(redactions.c.certificate)).scalars().all()
        assert kept
        assert all(one == certificate for one in kept)
        assert certificate["revisions_erased"] == 2
        assert "secret" not in json.dumps(certificate)
        full.platform.close()
        assert traces_of(full, b"quetzalcoatlus") == []
        assert traces_of(full, b"secret.md") == []
        assert maintenance.verify(full.platform, "main") == []
        report = full.sync()
        assert (report.state, report.counts["erased"]) == ("unchanged", 1)
        assert "secret.md" not in full.found("quetzalcoatlus")

    def test_what_another_document_holds_stays(self, full: Workspace) -> None:
        full.write("twin.md", MILL)
        full.sync()
        certificate = erase(full.platform, "docs", "twin.md", WHO, "asked to")
        assert (certificate["revisions_kept_for_others"], certificate["revisions_erased"]) == (1, 0)
        assert full.found("the miller grinds barley")[0] == "mill.md"
        assert maintenance.verify(full.platform, "main") == []
        assert certificate["texts_kept_for_others"] == 1

    def test_erased_bytes_do_not_come_back_under_another_name(self, full: Workspace) -> None:
        full.write("secret.md", "# Secret\n\nThe quetzalcoatlus nests under the millrace.\n")
        full.sync()
        erase(full.platform, "docs", "secret.md", WHO, "asked to")
        full.rename("secret.md", "moved.md")
        report = full.sync()
        assert report.counts["quarantined"] == 1
        assert [(one["key"], one["reason"]) for one in provenance.quarantine(full.platform)] == [("moved.md", "erased")]
        assert full.sync().state == "unchanged"
        full.reindex()
        full.sync(verify=True)
        full.remove("moved.md")
        full.platform.close()
        assert traces_of(full, b"quetzalcoatlus") == []
        assert maintenance.verify(full.platform, "main") == []

    def test_an_erased_attachment_stays_away_and_its_mail_stays_usable(self, full: Workspace) -> None:
        letter = mail("The list is attached.", ("list.txt", "Spare paddles and a rope."), ("map.txt", "Here be fords."))
        full.write("note.eml", letter)
        full.sync()
        certificate = erase(full.platform, "docs", "note.eml!/list.txt", WHO, "asked to")
        assert certificate["bytes_still_inside"] == document_id("docs", "note.eml")
        full.sync(verify=True)
        full.reindex()
        full.write("copy.eml", letter)
        full.rename("note.eml", "moved.eml")
        full.sync()
        assert maintenance.verify(full.platform, "main") == []
        assert "moved.eml!/map.txt" in full.found("here be fords")
        assert not [key for key in full.found("spare paddles and a rope") if key.endswith("list.txt")]
        assert {one["reason"] for one in provenance.quarantine(full.platform)} == {"erased"}


class TestInvariant13SomebodyDecided:
    def test_the_log_cannot_be_rewritten(self, full: Workspace) -> None:
        full.write("bread.md", BREAD + "More.\n")
        full.sync()
        release.rollback(full.platform, "main", WHO, "too much bread")
        for change in (update(decisions).values(why="nothing"), delete(decisions)):
            with (
                pytest.raises((DBAPIError, Exception), match="append-only"),
                full.platform.catalog.write() as connection,
            ):
                connection.execute(change)
        assert [(one["what"], one["who"], one["why"]) for one in inspection.log(full.platform)] == [
            ("rollback", "tester", "too much bread")
        ]

    def test_of_two_people_the_first_decides(self, make_workspace: Callable[..., Workspace]) -> None:
        w = make_workspace(gates={"max_removed_share": 0.1})
        w.write("a.md", FERRY)
        w.write("b.md", BREAD)
        w.sync()
        w.remove("b.md")
        w.sync()
        release.reject(w.platform, "main", 2, WHO, "bread stays")
        with pytest.raises(RefusedError, match=r"decided before: reject by tester \(bread stays\)"):
            release.approve(w.platform, "main", 2, WHO, "no, it goes")


class TestHoldAndSupersede:
    def test_a_rollback_holds_the_index_until_resume(self, full: Workspace) -> None:
        full.write("bread.md", BREAD.replace("Fridays", "Sundays"))
        full.sync()
        release.rollback(full.platform, "main", WHO, "wrong day")
        full.write("bread.md", BREAD.replace("Fridays", "Saturdays"))
        held = full.sync()
        assert (held.state, held.release) == ("held", 3)
        assert "Fridays" in search(full.platform, "main", "rye bread").hits[0].text
        assert full.sync().state == "held"
        assert release.resume(full.platform, "main", WHO, "fixed").live == 3
        assert "Saturdays" in search(full.platform, "main", "rye bread").hits[0].text
        assert maintenance.verify(full.platform, "main") == []

    def test_a_newer_sync_supersedes_a_waiting_release(self, make_workspace: Callable[..., Workspace]) -> None:
        w = make_workspace(gates={"max_removed_share": 0.1})
        for key, text in (("ferry.md", FERRY), ("bread.md", BREAD), ("mill.md", MILL)):
            w.write(key, text)
        w.sync()
        w.remove("bread.md")
        assert w.sync().release == 2
        assert w.sync().message == "nothing new since release 2, which waits for a person"
        w.write("new.md", "# New\n\nSomething new.\n")
        assert w.sync().release == 3
        with pytest.raises(RefusedError, match="release 2 of 'main' was superseded by a newer sync"):
            release.approve(w.platform, "main", 2, WHO, "late")
        release.approve(w.platform, "main", 3, WHO, "bread is over")
        assert set(w.found("rye bread")) == {"ferry.md", "mill.md", "new.md"}
        assert maintenance.verify(w.platform, "main") == []


class TestPrune:
    def test_kept_releases_read_the_same_and_pruned_ones_say_so(self, full: Workspace) -> None:
        for day in ("Mondays", "Tuesdays", "Sundays"):
            full.write("bread.md", BREAD.replace("Fridays", day))
            full.sync()
        kept = full.texts(as_of=3), full.texts()
        assert maintenance.prune(full.platform, "main", 2)["releases"] == 2
        assert (full.texts(as_of=3), full.texts()) == kept
        with pytest.raises(UsageError, match="release 1 of 'main' is pruned"):
            full.texts(as_of=1)
        assert maintenance.verify(full.platform, "main") == []

    def test_the_lake_is_swept_of_what_nothing_names(self, full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        full.write("bread.md", "# Pies\n\nThe pie man sells plum pies.\n")
        full.sync()
        monkeypatch.setattr(maintenance, "SWEEP_GRACE_S", -1.0)
        taken = maintenance.prune(full.platform, "main", 1)
        assert (taken["swept_bytes"], taken["swept_parses"], taken["swept_chunk_lists"]) == (1, 1, 1)
        assert taken["swept_vectors"] == 1
        assert maintenance.verify(full.platform, "main") == []
        assert full.found("plum pies")[0] == "bread.md"
        full.write("bread.md", BREAD)
        assert full.sync().counts["embedded"] == 1
        assert maintenance.prune(full.platform, "main", 2)["swept_bytes"] == 0

    def test_the_live_release_survives_a_rollback(self, full: Workspace) -> None:
        for day in ("Mondays", "Tuesdays", "Sundays"):
            full.write("bread.md", BREAD.replace("Fridays", day))
            full.sync()
        release.rollback(full.platform, "main", WHO, "far back", to=1)
        before = full.texts()
        maintenance.prune(full.platform, "main", 1)
        assert full.texts() == before
        full.write("new.md", "# New\n\nSomething new.\n")
        assert full.sync().release == 5
        assert release.resume(full.platform, "main", WHO, "on").live == 5
        assert maintenance.verify(full.platform, "main") == []


class TestReindex:
    def test_an_edit_that_waits_in_a_held_release_is_not_lost_by_rebuilding_what_is_served(
        self, full: Workspace
    ) -> None:
        full.write("mill.md", MILL + "\nIt stands still in August.\n")
        full.sync()
        release.rollback(full.platform, "main", WHO, "wait")
        full.write("bread.md", BREAD.replace("Fridays", "Sundays"))
        assert full.sync().state == "held"
        rebuilt = full.reindex()
        assert rebuilt.state == "held"
        again = full.sync()
        assert (again.state, again.counts["changed"], again.counts["fetched"]) == ("held", 1, 0)
        assert release.resume(full.platform, "main", WHO, "on").live == again.release
        assert "on Sundays" in " ".join(full.texts())
        assert maintenance.verify(full.platform, "main") == []

    def test_a_new_recipe_is_built_beside_the_old_and_can_be_rolled_back(self, full: Workspace) -> None:
        chunker = full.settings.indexes["main"].chunker.model_copy(update={"max_tokens": 16})
        full.change_index(chunker=chunker)
        assert inspection.status(full.platform)[0]["reindex_would_change"] == ["chunker.max_tokens: 200 → 16"]
        full.write("bread.md", BREAD.replace("Fridays", "Sundays"))
        assert full.sync().release == 2
        report = full.reindex()
        assert (report.state, report.release, report.counts["parsed"], report.counts["fetched"]) == (
            "published",
            3,
            0,
            0,
        )
        assert inspection.status(full.platform)[0]["reindex_would_change"] == []
        assert maintenance.verify(full.platform, "main") == []
        release.rollback(full.platform, "main", WHO, "too small")
        assert full.found("rye bread")[0] == "bread.md"
        release.resume(full.platform, "main", WHO, "after all")
        maintenance.prune(full.platform, "main", 1)
        assert not full.platform.collection("main_g1").exists()
        assert full.found("rye bread")[0] == "bread.md"


def test_an_unchanged_run_writes_one_row_and_no_more(full: Workspace) -> None:
    def sizes() -> dict[str, int]:
        with full.platform.catalog.read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in documents.metadata.sorted_tables
            }

    before = sizes()
    full.sync()
    after = sizes()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {runs.name: 1}
    assert after[texts.name] == 4


def crash_after_rows(w: Workspace) -> None:
    """Run a sync that dies when its rows are written and its manifest is not."""
    from penstock.staging import Stager

    class Died(BaseException):
        pass

    def die(*_args: object, **_kwargs: object) -> dict[str, str]:
        raise Died

    original = Stager._close
    Stager._close = die  # type: ignore[method-assign]
    try:
        with pytest.raises(Died):
            w.sync()
    finally:
        Stager._close = original  # type: ignore[method-assign]


def mail(body: str, *attached: tuple[str, str]) -> bytes:
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "A note", "a@example.org", "b@example.org"
    message.set_content(body)
    for name, text in attached:
        message.add_attachment(text.encode(), maintype="text", subtype="plain", filename=name)
    return message.as_bytes()


def nested_mail(depth: int) -> bytes:
    """A mail in a mail in a mail …"""
    from email.message import EmailMessage

    inner = mail("The innermost one.")
    for level in range(depth):
        outer = EmailMessage()
        outer["Subject"], outer["From"], outer["To"] = f"Level {level}", "a@example.org", "b@example.org"
        outer.set_content(f"The mail of level {level}.")
        outer.add_attachment(inner, maintype="application", subtype="octet-stream", filename="inner.eml")
        inner = outer.as_bytes()
    return inner


def traces_of(w: Workspace, needle: bytes) -> list[Path]:
    files = [path for path in (w.root / "home").rglob("*") if path.is_file()]
    return [path for path in files if needle in path.read_bytes()]
