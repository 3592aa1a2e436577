"""Whole syncs from a bucket that misbehaves: nothing that should stay is removed, what can be had is served, the error
says what to do, and the next sync without the fault brings everything right (invariants 4, 5, 6).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import inspection, maintenance, provenance, runs
from penstock.errors import ListingError, PenstockError, TransientError
from penstock.retrieval import search
from support import s3_proxy as faults
from support.bucket import BucketWorkspace, s3_client
from support.s3_proxy import Fault, Rule, S3Proxy, refused

pytestmark = pytest.mark.server

PAGE_OF_LISTING = 4
N_DOCUMENTS = 10
_numbers = itertools.count()
"""Of buckets and lakes: the server outlives a test."""


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE_OF_LISTING))


@pytest.fixture
def make(proxy: S3Proxy, upstream: str, tmp_path: Any, pools: Any) -> Iterator[Callable[..., BucketWorkspace]]:
    made: list[BucketWorkspace] = []

    def make_one(**options: Any) -> BucketWorkspace:
        made.append(BucketWorkspace(tmp_path / str(next(_numbers)), pools, upstream, proxy, **options))
        return made[-1]

    yield make_one
    for one in made:
        one.platform.close()


Make = Callable[..., BucketWorkspace]


def text(number: int, edition: int = 1) -> str:
    return f"Mill {number} ground {100 * edition + number} sacks of rye.\n"


class Day:
    """A published release of ten documents, and then a day's work on the bucket: two edited, one gone, one new."""

    def __init__(self, w: BucketWorkspace) -> None:
        self.w = w
        self.before = {f"{n:02}.md": text(n) for n in range(N_DOCUMENTS)}
        for key, body in self.before.items():
            w.write(key, body)
        assert (w.sync().state, self.served()) == ("published", self.before)
        self.after = self.before | {"01.md": text(1, 2), "08.md": text(8, 2), "new.md": text(99)}
        del self.after["05.md"]
        for key in ("01.md", "08.md", "new.md"):
            w.write(key, self.after[key])
        w.remove("05.md")

    def served(self) -> dict[str, str]:
        return served(self.w)

    def ends_well(self, proxy: S3Proxy, release: int = 2) -> None:
        """Without the fault the same sync makes the release that it would have made, and nothing differs anywhere."""
        proxy.behave()
        report = self.w.sync()
        assert (report.state, report.release) == ("published", release)
        self.is_right()

    def is_right(self) -> None:
        assert self.served() == self.after
        assert maintenance.verify(self.w.platform, "main") == []
        assert self.w.sync().state == "unchanged"


def served(w: BucketWorkspace) -> dict[str, str]:
    """Key → text of everything that a reader sees; each document here is one chunk."""
    hits = search(w.platform, "main", "a", k=1000, mode="vector").hits
    found = {hit.key: f"{hit.text}\n" for hit in hits}
    assert len(found) == len(hits), "a document is served twice"
    return found


# A listing that cannot be trusted changes nothing

BUSY = "the server is busy or failing; try again later"
NOT_S3 = "the answer is not S3's, or it broke off; check that endpoint_url is an S3 API, or try again later"
SKEWED = "this machine's clock is wrong by too much; set the clock"
EXPIRED = "the credentials have expired; renew them and sync again"


@pytest.mark.parametrize(
    ("fault", "said", "transient"),
    [
        (refused(500, "InternalError"), BUSY, True),
        (refused(503, "SlowDown"), BUSY, True),
        (refused(429), NOT_S3, True),
        (faults.broken_off, "the connection broke off; try again", True),
        (faults.cut_short, NOT_S3, True),
        (faults.shortened, NOT_S3, True),
        (refused(400, "ExpiredToken"), EXPIRED, False),
        (faults.clock_ahead(3600), SKEWED, False),
    ],
    ids=["500", "503", "429", "broken-off", "cut", "shortened", "expired", "clock"],
)
def test_a_listing_that_fails_on_any_page_leaves_everything_as_it_was(
    make: Make, proxy: S3Proxy, fault: Fault, said: str, transient: bool
) -> None:
    day = Day(make())
    for page in range(3):
        proxy.behave()
        error = refused_sync(day, proxy.play(fault, listing=True, after=page))
        assert f" cannot be listed: {said}; nothing is removed" in str(error)
        assert error.transient == transient
    day.ends_well(proxy)


@pytest.mark.parametrize(
    ("fault", "times", "said"),
    [
        (faults.same_page_again(), None, "the page that begins with '00.md' came twice"),
        (faults.same_page_again(), 2, "the page that begins with '00.md' came twice"),
    ],
    ids=["for-ever", "once"],
)
def test_a_listing_that_repeats_a_page_ends_and_leaves_everything_as_it_was(
    make: Make, proxy: S3Proxy, fault: Fault, times: int | None, said: str
) -> None:
    day = Day(make())
    proxy.behave()
    error = refused_sync(day, proxy.play(fault, listing=True, times=times))
    assert f" is not whole: {said}; check sources.docs.endpoint_url" in str(error)
    assert len(proxy.requests) == 2
    day.ends_well(proxy)


def test_a_listing_that_comes_back_empty_removes_nothing(make: Make, proxy: S3Proxy) -> None:
    day = Day(make())
    error = refused_sync(day, proxy.play(faults.empty_listing, listing=True))
    assert str(error) == (
        "source 'docs' listed nothing, but 10 of its documents are served; nothing was removed. "
        "Check its path, prefix, globs and permissions"
    )
    day.ends_well(proxy)


def test_a_slow_listing_is_a_whole_one(make: Make, proxy: S3Proxy) -> None:
    day = Day(make())
    rule = proxy.play(faults.slow(0.2), listing=True)
    assert day.w.sync().state == "published"
    assert rule.played == 3
    day.is_right()


def refused_sync(day: Day, rule: Rule) -> ListingError:
    """A sync that fails on its listing: nothing moved, and the catalog and ``status`` say why."""
    with pytest.raises(ListingError) as error:
        day.w.sync()
    assert rule.played > 0
    assert day.served() == day.before
    (source,) = inspection.status(day.w.platform, "main")[0]["sources"]
    assert source["error"] == str(error.value)
    return error.value


# An object that cannot be had hurts itself alone


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refused(500, "InternalError"), BUSY),
        (refused(503, "SlowDown"), BUSY),
        (faults.broken_off, "the connection broke off; try again"),
        (faults.cut_short, "the connection broke off; try again"),
        (faults.shortened, "the bytes do not match their checksum; try again"),
        (faults.altered, "the bytes do not match their checksum; try again"),
        (faults.wrong_etag, " do not match its ETag 5d41402abc4b2a76b9719d911017c592; try again"),
        (refused(403, "AccessDenied"), "access is denied; the credentials need s3:ListBucket on the bucket"),
        (refused(400, "ExpiredToken"), EXPIRED),
        (faults.clock_ahead(3600), SKEWED),
    ],
    ids=["500", "503", "broken-off", "cut", "shortened", "altered", "etag", "denied", "expired", "clock"],
)
def test_an_object_that_cannot_be_fetched_stays_as_it_was_and_the_rest_goes_on(
    make: Make, proxy: S3Proxy, fault: Fault, said: str
) -> None:
    day = Day(make())
    rule = proxy.play(fault, "GET", key="/08.md")
    report = day.w.sync()
    assert rule.played > 0
    assert (report.state, report.release, report.counts["deferred"]) == ("published", 2, 1)
    assert day.served() == day.after | {"08.md": day.before["08.md"]}
    assert said in problem_of(day.w, "08.md")
    day.ends_well(proxy, release=3)


@pytest.mark.parametrize("fault", [refused(503, "SlowDown"), faults.cut_short, faults.altered, faults.broken_off])
def test_a_fault_that_passes_is_not_even_noticed(make: Make, proxy: S3Proxy, fault: Fault) -> None:
    day = Day(make())
    rule = proxy.play(fault, "GET", key=".md", times=2)
    report = day.w.sync()
    assert (report.state, report.counts.get("deferred")) == ("published", 0)
    assert rule.played == 2
    day.is_right()


@pytest.mark.parametrize("versioned", [False, True])
def test_an_object_deleted_between_list_and_get_leaves_with_the_next_listing(
    make: Make, proxy: S3Proxy, versioned: bool
) -> None:
    w = make()
    if versioned:
        w.s3.put_bucket_versioning(Bucket=w.bucket, VersioningConfiguration={"Status": "Enabled"})
    day = Day(w)
    rule = proxy.play(faults.first(lambda: w.remove("08.md")), "GET", key="/08.md", times=1)
    report = w.sync()
    assert (rule.played, report.state, report.counts["deferred"]) == (1, "published", 1)
    assert day.served() == day.after | {"08.md": day.before["08.md"]}
    assert "it is gone since it was listed; sync again" in problem_of(w, "08.md")
    del day.after["08.md"]
    day.ends_well(proxy, release=3)


def test_a_revision_names_the_version_that_was_fetched_and_not_the_one_that_was_listed(
    make: Make, proxy: S3Proxy
) -> None:
    w = make()
    w.s3.put_bucket_versioning(Bucket=w.bucket, VersioningConfiguration={"Status": "Enabled"})
    day = Day(w)
    proxy.play(faults.first(lambda: w.write("08.md", text(8, 3))), "GET", key="/08.md", times=1)
    assert w.sync().state == "published"
    version = w.s3.head_object(Bucket=w.bucket, Key="08.md")["VersionId"]
    assert f", version {version} of the source." in provenance.explain(w.platform, "docs", "08.md")["history"][1]
    assert day.served() == day.after | {"08.md": text(8, 3)}


def test_an_object_written_anew_between_list_and_get_is_taken_as_it_is_now(make: Make, proxy: S3Proxy) -> None:
    day = Day(make())
    day.after["08.md"] = text(8, 3)
    proxy.play(faults.first(lambda: day.w.write("08.md", text(8, 3))), "GET", key="/08.md", times=1)
    assert day.w.sync().counts["deferred"] == 0
    assert day.served() == day.after
    proxy.behave()
    assert day.w.sync().message == "nothing changed: 10 documents listed, release 2 stays live"
    day.is_right()


@pytest.mark.parametrize("fault", [refused(400, "ExpiredToken"), faults.clock_ahead(3600)], ids=["expired", "clock"])
def test_credentials_that_end_in_the_middle_publish_no_release_full_of_holes(
    make: Make, proxy: S3Proxy, fault: Fault
) -> None:
    w = make(gates={"max_quarantined_share": 0.1})
    day = Day(w)
    day.after |= {f"{n:02}.md": text(n, 3) for n in range(5)}
    for n in range(5):
        w.write(f"{n:02}.md", text(n, 3))
    proxy.behave()
    proxy.play_all(fault, after=3 + 2)  # three pages and two of seven objects
    report = w.sync()
    assert (report.state, report.release, report.counts["fetched"]) == ("waiting", 2, 2)
    assert report.message.startswith("release 2 was refused (quarantine: ")
    assert day.served() == day.before
    day.ends_well(proxy, release=3)


def test_a_first_sync_whose_credentials_end_serves_what_it_has_and_then_the_rest(make: Make, proxy: S3Proxy) -> None:
    w = make()
    bodies = {f"{n:02}.md": text(n) for n in range(N_DOCUMENTS)}
    for key, body in bodies.items():
        w.write(key, body)
    proxy.play_all(refused(400, "ExpiredToken"), after=3 + 4)
    report = w.sync()
    assert (report.state, report.counts["new"], report.counts["quarantined"]) == ("published", 4, 6)
    assert [one["reason"] for one in provenance.quarantine(w.platform, "main")] == ["source-error"] * 6
    assert len(served(w)) == 4
    proxy.behave()
    assert w.sync().release == 2
    assert served(w) == bodies
    assert maintenance.verify(w.platform, "main") == []


# A lake that cannot be read or written ends the run, and costs no more than that


@pytest.fixture
def on_buckets(make: Make, proxy: S3Proxy, upstream: str, monkeypatch: pytest.MonkeyPatch) -> Day:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    s3_client(upstream).create_bucket(Bucket="lake")
    return Day(make(lake=f"s3://lake/{next(_numbers)}"))


@pytest.mark.parametrize(
    ("fault", "method"),
    [
        (refused(503, "SlowDown"), ""),
        (refused(500), ""),
        (faults.broken_off, ""),
        (faults.answer_lost, ""),
        (faults.cut_short, "GET"),
    ],
    ids=["503", "500", "broken-off", "answer-lost", "cut"],
)
def test_a_fault_of_the_lake_that_passes_is_not_even_noticed(
    on_buckets: Day, proxy: S3Proxy, fault: Fault, method: str
) -> None:
    rule = proxy.play(fault, method, key="lake/", times=3)
    assert on_buckets.w.sync().state == "published"
    assert rule.played == 3
    on_buckets.is_right()


EXPIRED_LAKE = "the credentials have expired; renew them and run it again"


@pytest.mark.parametrize(
    ("place", "method"),
    [("/bytes/", "PUT"), ("/parsed/", "PUT"), ("/chunks/", "PUT"), ("/vectors/", "PUT"), ("/chunks/", "GET"),
     ("/vectors/", "GET"), ("/reports/", "PUT")],
)  # fmt: skip
def test_credentials_of_the_lake_that_end_in_the_middle_end_the_run(
    on_buckets: Day, proxy: S3Proxy, place: str, method: str
) -> None:
    on_buckets.w.platform = on_buckets.w.open()  # nothing of the lake is remembered
    rule = proxy.play(refused(400, "ExpiredToken"), method, key=place, after=1 if place == "/chunks/" else 0)
    said = failed_run(on_buckets, proxy, rule)
    assert said.startswith(f"the lake at {on_buckets.w.settings.lake_url} failed on {place.strip('/')}/")
    assert said.endswith(f": {EXPIRED_LAKE}")
    on_buckets.ends_well(proxy)


@pytest.mark.parametrize(
    ("fault", "said", "transient"),
    [
        (refused(503, "SlowDown"), "503 Service Unavailable", True),
        (faults.broken_off, "error sending request", True),
        (faults.clock_ahead(3600), "this machine's clock is wrong by too much; set the clock", False),
        (refused(403, "AccessDenied"), "the credentials need s3:ListBucket on the bucket and s3:GetObject, ", False),
        (refused(404, "NoSuchBucket"), "there is no such bucket; check store.lake (or PENSTOCK_LAKE)", False),
    ],
    ids=["503", "broken-off", "clock", "denied", "no-bucket"],
)
def test_a_lake_that_stays_away_ends_the_run_and_says_what_to_do(
    on_buckets: Day, proxy: S3Proxy, fault: Fault, said: str, transient: bool
) -> None:
    rule = proxy.play(fault, "PUT", key="lake/")
    assert said in failed_run(on_buckets, proxy, rule, TransientError if transient else PenstockError)
    on_buckets.ends_well(proxy)


def failed_run(day: Day, proxy: S3Proxy, rule: Rule, kind: type[PenstockError] = PenstockError) -> str:
    """A sync that fails on its lake: readers see what they saw, and the run says why."""
    with pytest.raises(kind) as error:
        day.w.sync()
    assert rule.played > 0
    assert type(error.value).transient == (kind is TransientError)
    proxy.behave()  # a citation is read from the lake
    assert day.served() == day.before
    (last,) = runs.recent(day.w.platform, "main", 1)
    assert (last.state, last.message) == ("failed", str(error.value))
    return last.message


def problem_of(w: BucketWorkspace, key: str) -> str:
    return str(provenance.explain(w.platform, "docs", key))
