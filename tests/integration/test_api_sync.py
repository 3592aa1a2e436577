"""Whole syncs from a JSON API: what costs nothing, what each policy of deletions removes, and what a run that did not
keep its records leaves to the next (invariants 3, 4, 5, 6 and 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import erasure, maintenance, provenance, release, runs, steps
from penstock.errors import ListingError
from penstock.progress import Progress
from penstock.retrieval import search
from penstock.sync import ground, open_plan, prepare_and_embed
from support import s3_proxy as faults
from support.s3_proxy import Answer, refused
from support.web import JsonApi, WebWorkspace
from support.workspace import WHO

pytestmark = pytest.mark.server
SECRET = "hush-7f3a9"  # noqa: S105
SINCE = {"param": "since", "field": "updated_at", "overlap_s": 1}
LATER = "2026-05-01T00:00:00Z"


@pytest.fixture
def api() -> Iterator[JsonApi]:
    with JsonApi.serve() as server:
        for n in range(8):
            body, at = f"Mill {n} ground {100 + n} sacks of rye.", f"2026-03-0{n + 1}T00:00:00Z"
            server.write(f"{n}", body, at, readers=["public"])
        yield server


Make = Callable[..., WebWorkspace]


@pytest.fixture
def make(api: JsonApi, tmp_path: Path, pools: Any) -> Iterator[Make]:
    made: list[WebWorkspace] = []

    def make_one(gates: dict[str, Any] | None = None, **options: Any) -> WebWorkspace:
        made.append(WebWorkspace(tmp_path / str(len(made)), pools, configured(api, **options), gates))
        return made[-1]

    yield make_one
    for one in made:
        one.platform.close()


def configured(api: JsonApi, **options: Any) -> dict[str, Any]:
    return {
        "type": "api",
        "base_url": api.url,
        "path": "/records",
        "records": "items",
        "pages": {"kind": "link"},
        "document": {"key": "id", "body": "body", "principals": "readers"},
        "access_from": "record",
        "deletions": "full",
        "when_silent": ["nobody"],
        "requests_per_second": 1000,
        "tries": 1,
        "allow_private_addresses": True,
        **options,
    }


def served(w: WebWorkspace, *principals: str) -> dict[str, str]:
    """Key → text of all that a reader sees; each document here is one chunk."""
    hits = search(w.platform, "main", "a", k=1000, mode="vector", principals=principals).hits
    assert len({hit.key for hit in hits}) == len(hits), "a document is served twice"
    return {hit.key: hit.text for hit in hits}


def is_right(w: WebWorkspace) -> None:
    assert maintenance.verify(w.platform, "main") == []
    assert w.sync().state == "unchanged"


# What changed, and nothing else


@pytest.mark.parametrize("incremental", [None, SINCE], ids=["full", "incremental"])
def test_one_record_changed(make: Make, api: JsonApi, incremental: Any) -> None:
    w = make(incremental=incremental)
    first = w.sync()
    assert (first.state, first.counts["new"], first.counts.get("fetched")) == ("published", 8, 0)
    assert served(w)["3.md"] == "Mill 3 ground 103 sacks of rye."
    api.behave()
    again = w.sync()
    assert (again.state, again.counts["work"], api.listed()) == ("unchanged", 0, 1 if incremental else 3)
    api.write("3", "Mill 3 burnt down.", at=LATER)
    changed = w.sync()
    assert (changed.counts["changed"], changed.counts["embedded"], changed.counts["removed"]) == (1, 1, 0)
    assert len(served(w)) == 8
    assert served(w)["3.md"] == "Mill 3 burnt down."
    api.behave()
    if incremental:
        assert (changed.counts["listed"], changed.counts["carried"]) == (2, 6)
        assert w.sync().counts["listed"] == 1
        assert w.sync().message == "nothing changed: 0 documents listed, 8 not named, release 2 stays live"
        assert ["if-none-match" in request.headers for request in api.requests] == [False, True]
    is_right(w)


def test_a_listing_of_one_page_that_did_not_change_is_one_request_without_an_answer(make: Make, api: JsonApi) -> None:
    api.size = 100
    w = make()
    w.sync()
    api.behave()
    api.play(lambda request, forward: forward(request))
    report = w.sync()
    (request,) = api.requests
    assert request.headers["if-none-match"]
    assert (report.state, report.counts["listed"], report.counts["carried"]) == ("unchanged", 0, 8)
    del api.records["5"]
    assert w.sync().counts["removed"] == 1
    is_right(w)


# Deletions


def without_the_fifth(make: Make, api: JsonApi, **options: Any) -> WebWorkspace:
    w = make(**options)
    assert w.sync().counts["new"] == 8
    del api.records["5"]
    w.sync()
    return w


def test_a_full_listing_removes_what_it_does_not_name(make: Make, api: JsonApi) -> None:
    w = without_the_fifth(make, api, deletions="full")
    assert "5.md" not in served(w)
    assert len(served(w)) == 7
    is_right(w)


def test_a_listing_of_changes_removes_nothing_until_everything_is_listed_again(make: Make, api: JsonApi) -> None:
    w = without_the_fifth(make, api, deletions="full", incremental=SINCE)
    assert "5.md" in served(w)
    w.sync(verify=True)
    assert "5.md" not in served(w)
    is_right(w)


@pytest.mark.parametrize("incremental", [None, SINCE], ids=["full", "incremental"])
def test_only_a_tombstone_removes(make: Make, api: JsonApi, incremental: Any) -> None:
    w = without_the_fifth(make, api, deletions="tombstone", tombstone="deleted", incremental=incremental)
    assert len(served(w)) == 8
    api.write("6", "", at=LATER, deleted=True)
    api.write("99", "", at=LATER, deleted=True)  # nobody knew it
    report = w.sync()
    assert (report.counts["removed"], report.counts["listed"]) == (1, 1 if incremental else 6)
    assert set(served(w)) == {"0.md", "1.md", "2.md", "3.md", "4.md", "5.md", "7.md"}
    api.write("6", "Mill 6 was built again.", at="2026-06-01T00:00:00Z", deleted=False)
    w.sync()
    assert served(w)["6.md"] == "Mill 6 was built again."
    is_right(w)


@pytest.mark.parametrize("incremental", [None, SINCE], ids=["full", "incremental"])
def test_none_removes_nothing(make: Make, api: JsonApi, incremental: Any) -> None:
    w = without_the_fifth(make, api, deletions="none", where="!hidden", incremental=incremental)
    api.write("4", "", at=LATER, hidden=True)
    assert w.sync().counts["removed"] == 0
    assert len(served(w)) == 8
    is_right(w)


@pytest.mark.parametrize("fault", [refused(500), faults.broken_off, faults.cut_short, faults.shortened])
def test_a_listing_that_breaks_off_removes_nothing(make: Make, api: JsonApi, fault: faults.Fault) -> None:
    w = make()
    w.sync()
    before = served(w)
    del api.records["0"]
    for page in range(3):
        api.behave()
        rule = api.play(fault, after=page)
        with pytest.raises(ListingError):
            w.sync()
        assert rule.played == 1
        assert served(w) == before
    api.behave()
    assert w.sync().counts["removed"] == 1
    is_right(w)


def test_an_api_that_says_that_it_has_nothing_removes_nothing(make: Make, api: JsonApi) -> None:
    for deletions in ("full", "none"):
        w = make(deletions=deletions)
        w.sync()
        api.play(lambda *_: Answer(200, {"ETag": ""}, b'{"items": []}'))
        with pytest.raises(ListingError, match="listed nothing, but 8 of its documents are served"):
            w.sync()
        assert len(served(w)) == 8
        api.behave()


def test_pages_that_shift_under_the_reader_remove_nothing(make: Make, api: JsonApi) -> None:
    """A record that was read is edited and moves to the end; the first of the next page moves up and is not seen."""
    w = make()
    w.sync()

    def edited(request: faults.Request, forward: faults.Forward) -> Answer:
        api.write("0", "Mill 0 was sold.", at=LATER)
        return forward(request)

    rule = api.play(edited, after=1, times=1)
    report = w.sync()
    assert (rule.played, report.counts["removed"], report.counts["carried"]) == (1, 0, 1)
    w.sync()
    assert (len(served(w)), served(w)["0.md"]) == (8, "Mill 0 was sold.")
    is_right(w)


def test_records_that_nothing_can_keep_wait_in_quarantine_and_hold_up_no_other(make: Make, api: JsonApi) -> None:
    api.records["2"]["link"] = "https://x.example/\ud800"
    api.records["3"]["files"] = [{"name": "a\ud800.txt", "href": "http://[bad"}]
    api.records["4"]["files"] = "a.pdf"
    document = {"key": "id", "body": "body", "url": "link", "principals": "readers"}
    w = make(document=document, attachments={"each": "files", "name": "name", "url": "href"})
    w.sync()
    assert set(served(w)) == {"0.md", "1.md", "3.md", "5.md", "6.md", "7.md"}
    waiting = {one["key"]: one["reason"] for one in provenance.quarantine(w.platform)}
    assert waiting == dict.fromkeys(["2.md", "3.md!/a_.txt", "4.md"], "source-error")
    is_right(w)


# Who may read


@pytest.mark.parametrize("incremental", [None, SINCE], ids=["full", "incremental"])
def test_a_right_that_the_record_takes_away_is_gone_at_once(make: Make, api: JsonApi, incremental: Any) -> None:
    w = make(incremental=incremental)
    w.sync()
    api.write("3", api.records["3"]["body"], at=LATER, readers=["group:hr"])
    report = w.sync()
    assert (report.state, report.counts["access_changed"], report.counts["work"]) == ("unchanged", 1, 0)
    assert "3.md" not in served(w)
    assert "3.md" in served(w, "group:hr")
    is_right(w)


def test_a_change_of_the_configuration_reaches_what_no_listing_names(make: Make, api: JsonApi) -> None:
    """The record is silent, so that ``when_silent`` decides; or a rule decides by the key."""
    del api.records["3"]["readers"]
    w = make(incremental=SINCE)
    w.sync()
    assert "3.md" not in served(w, "group:hr")
    w.configure(configured(api, incremental=SINCE, when_silent=["group:hr"]))
    w.sync()
    assert "3.md" in served(w, "group:hr")
    rule = [{"prefix": "3", "principals": ["group:dev"]}]
    w.configure(configured(api, incremental=SINCE, when_silent=["group:hr"], access=rule))
    w.sync()
    assert "3.md" not in served(w, "group:hr")
    assert "3.md" in served(w, "group:dev")
    is_right(w)


# The cursor moves when the records are kept, and not before


def test_a_refused_release_takes_its_cursor_with_it(make: Make, api: JsonApi) -> None:
    w = make(gates={"max_quarantined_share": 0.0}, incremental=SINCE)
    w.sync()
    api.write("3", "Mill 3 burnt down.", at=LATER)
    api.records["4"]["body"] = ["no text"]
    api.records["4"]["updated_at"] = LATER
    waiting = w.sync()
    assert waiting.state == "waiting"
    assert w.sync().state == "waiting"  # the same again: it was read again
    api.write("4", "Mill 4 stands.", at="2026-06-01T00:00:00Z")
    assert w.sync().state == "published"
    assert (served(w)["3.md"], served(w)["4.md"]) == ("Mill 3 burnt down.", "Mill 4 stands.")
    is_right(w)


def test_an_approved_release_brings_its_cursor(make: Make, api: JsonApi) -> None:
    w = make(gates={"max_quarantined_share": 0.0}, incremental=SINCE)
    w.sync()
    api.records["4"].update(body=["no text"], updated_at=LATER)
    number = w.sync().release
    assert number is not None
    release.approve(w.platform, "main", number, WHO, "it is known")
    api.behave()
    assert w.sync().state == "unchanged"
    assert "since=2026-04-30" in api.asked()[0]


def test_a_run_that_died_read_nothing(make: Make, api: JsonApi) -> None:
    w = make(incremental=SINCE)
    w.sync()
    api.write("3", "Mill 3 burnt down.", at=LATER)
    run = runs.begin(w.platform, "main", "sync", {})
    on = ground(w.platform, "main")
    work = open_plan(w.platform, run, on, None, False).work
    assert len(prepare_and_embed(w.platform, run, on.recipe, work, Progress())) == 1
    runs.finish(w.platform, run, runs.FAILED, None, "it was killed")
    assert w.sync().counts["changed"] == 1
    assert served(w)["3.md"] == "Mill 3 burnt down."
    is_right(w)


def test_a_file_that_could_not_be_fetched_is_not_passed(make: Make, api: JsonApi) -> None:
    files = {"each": "files", "name": "name", "url": "href"}
    w = make(incremental=SINCE, attachments=files)
    w.sync()
    api.put("/files/plan", "The plan of the weir.", "text/plain")
    api.write("3", "Mill 3 has a plan.", at="2026-04-01T00:00:00Z", files=[{"name": "plan.txt", "href": "/files/plan"}])
    rule = api.play(refused(500), "/files")
    report = w.sync()
    assert (rule.played >= 1, report.counts["deferred"] + report.counts["quarantined"]) == (True, 1)
    api.write("7", "Mill 7 burnt down.", at=LATER)
    w.sync()
    api.behave()
    w.sync()
    assert served(w)["3.md!/plan.txt"] == "The plan of the weir."
    api.write("3", "Mill 3 has no plan.", at="2026-06-01T00:00:00Z", files=[])
    assert w.sync().counts["removed"] == 1
    assert "3.md!/plan.txt" not in served(w)
    assert len(served(w)) == 8
    is_right(w)


def test_a_reindex_has_everything_listed_again(make: Make, api: JsonApi) -> None:
    w = make(incremental=SINCE)
    w.sync()
    assert w.reindex().state == "published"
    api.behave()
    w.sync()
    assert "since" not in api.asked()[0]
    is_right(w)


def test_as_tasks_of_a_dag_the_same(make: Make, api: JsonApi) -> None:
    """Each task opens everything anew, as another worker would."""
    w = make(incremental=SINCE)

    def by_tasks(name: str) -> str:
        begun = steps.start(w.open(), "main", name)
        for batch in range(begun["batches"]):
            steps.prepare(w.open(), begun["run"], batch)
        for batch in range(steps.collect(w.open(), begun["run"])):
            steps.embed(w.open(), begun["run"], batch)
        number = steps.stage(w.open(), begun["run"])
        if number is not None:
            steps.check(w.open(), begun["run"], number)
            steps.publish(w.open(), begun["run"], number)
        report = steps.end(w.open(), name)
        assert report is not None
        return report.state

    assert by_tasks("first") == "published"
    api.write("3", "Mill 3 burnt down.", at=LATER)
    assert by_tasks("second") == "published"
    assert served(w)["3.md"] == "Mill 3 burnt down."
    api.behave()
    assert by_tasks("third") == "unchanged"
    assert "since=2026-04-30" in api.asked()[0]
    is_right(w)


# What may not be kept


def test_an_erased_record_stays_forgotten(make: Make, api: JsonApi) -> None:
    w = make()
    w.sync()
    erasure.erase(w.platform, "docs", "3.md", WHO, "asked to")
    api.write("8", api.records["3"]["body"], title=api.records["3"]["title"])
    w.sync()
    kept = [path for path in w.root.rglob("*") if path.is_file() and b"103 sacks" in path.read_bytes()]
    assert kept == []
    assert not {"3.md", "8.md"} & set(served(w))


def test_the_secret_is_nowhere(make: Make, api: JsonApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    api.allowed = lambda request: f"key={SECRET}" in request.path
    w = make(auth={"kind": "query", "name": "key", "secret_env": "API_KEY"}, incremental=SINCE)
    assert w.sync().state == "published"
    api.play(refused(401))
    with pytest.raises(ListingError):
        w.sync()
    kept = [path for path in w.root.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []
    assert SECRET not in str([report.to_dict() for report in runs.recent(w.platform)])
