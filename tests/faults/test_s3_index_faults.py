"""An index in a bucket that misbehaves while a release is staged and published, searched, and folded in.

Only the index goes through the proxy, so every request that is spoiled is one of Lance's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest

from penstock import maintenance, runs
from penstock.errors import PenstockError, StoreError, TransientError
from support import s3_proxy as faults
from support.bucket import keep_stores_at, s3_client
from support.s3_proxy import Fault, S3Proxy, refused
from support.workspace import Workspace

pytestmark = pytest.mark.server

_numbers = itertools.count()
PASSING: dict[str, Fault] = {
    "503": refused(503, "SlowDown"),
    "500": refused(500, "InternalError"),
    "429": refused(429),
    "broken-off": faults.broken_off,
    "answer-lost": faults.answer_lost,
    "slow": faults.slow(0.05),
}
STAYING: dict[str, tuple[Fault, type[PenstockError], str]] = {
    "503": (refused(503, "SlowDown"), TransientError, " now, try again: "),
    "500": (refused(500, "InternalError"), TransientError, " now, try again: "),
    "429": (refused(429), TransientError, " now, try again: "),
    "broken-off": (faults.broken_off, TransientError, " now, try again: "),
    "cut": (faults.cut_short, TransientError, " now, try again: "),
    "shortened": (faults.shortened, TransientError, " now, "),
    "expired": (refused(400, "ExpiredToken"), StoreError, "the credentials have expired; renew them and run it again"),
    "denied": (refused(403, "AccessDenied"), StoreError, "access is denied; the credentials need s3:ListBucket on the"),
    "no-bucket": (refused(404, "NoSuchBucket"), StoreError, "there is no such bucket; check store.index, AWS_REGION"),
}
SHORT = ("503", "cut", "expired")


def of(names: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=[] if name in SHORT else pytest.mark.long) for name in names]
    )


staying = of(name for name in STAYING if name != "no-bucket")
"""A bucket that goes away under an open table reads like files that an erasure swept: it may pass."""


@pytest.fixture
def day(
    make_workspace: Callable[..., Workspace], proxy: S3Proxy, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> Day:
    keep_stores_at(monkeypatch, proxy.url)
    monkeypatch.setenv("OBJECT_STORE_CLIENT_MAX_RETRIES", "2")  # what Lance asks again by itself
    bucket = f"index-{next(_numbers)}"
    s3_client(upstream).create_bucket(Bucket=bucket)
    return Day(make_workspace(store={"index": f"s3://{bucket}/index"}), proxy)


class Day:
    """A published release of four documents, and then a day's work: one edited, one gone, one new."""

    def __init__(self, w: Workspace, proxy: S3Proxy) -> None:
        self.w, self.proxy = w, proxy
        for name in ("bread", "mill", "ferry", "kiln"):
            w.write(f"{name}.md", f"The {name} opens at six.\n")
        assert w.sync().release == 1
        self.before = w.texts()
        w.write("bread.md", "The bread is sold out.\n")
        w.remove("ferry.md")
        w.write("loom.md", "The loom is new.\n")
        self.after = {"The bread is sold out.", "The mill opens at six.", "The kiln opens at six.", "The loom is new."}
        w.platform = w.open()

    def fails(self, after: int, name: str) -> bool:
        """Sync with a fault from that many requests on: whether it failed; then as it should, with all as it was."""
        fault, kind, said = STAYING[name]
        rule = self.proxy.play_all(fault, after=after)
        try:
            report = self.w.sync()
        except PenstockError as raised:
            error = raised
        else:
            assert (report.state, report.release) == ("published", 2)
            return False
        self.proxy.behave()
        assert rule.played > 0
        assert isinstance(error, kind), error
        assert said in str(error), error
        assert (runs.recent(self.w.platform, "main", 1)[0].message, self.w.texts()) == (str(error), self.before)
        return True

    def ends_well(self) -> None:
        self.proxy.behave()
        self.w.platform = self.w.open()
        report = self.w.sync()
        assert report.release == 2
        assert self.w.texts() == self.after
        assert self.w.texts(as_of=1) == self.before
        assert maintenance.verify(self.w.platform, "main") == []
        assert self.w.sync().state == "unchanged"


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_not_even_noticed(day: Day, name: str) -> None:
    rules = [day.proxy.play_all(PASSING[name], after=after, times=1) for after in range(0, 100, 9)]
    assert day.w.sync().state == "published"
    assert sum(rule.played for rule in rules) > 3
    day.ends_well()


@staying
def test_a_fault_that_stays_ends_the_run_wherever_it_begins_and_leaves_the_live_release(day: Day, name: str) -> None:
    failed = 0
    for after in itertools.count(0, 16):
        if not day.fails(after, name):
            break
        failed += 1
        day.w.platform = day.w.open()
    assert failed >= 3
    day.ends_well()


@of(STAYING)
def test_a_search_says_what_to_do_and_the_next_one_answers(day: Day, name: str) -> None:
    fault, kind, said = STAYING[name]
    rule = day.proxy.play_all(fault)
    with pytest.raises(kind) as error:
        day.w.texts()
    assert rule.played > 0
    assert said in str(error.value)
    day.proxy.behave()
    assert day.w.texts() == day.before


@staying
def test_folding_in_that_fails_leaves_what_is_served(day: Day, name: str) -> None:
    fault, kind, _said = STAYING[name]
    rule = day.proxy.play_all(fault, after=20)
    with pytest.raises(kind):
        maintenance.optimize(day.w.platform, "main")
    assert rule.played > 0
    day.proxy.behave()
    assert day.w.texts() == day.before
    maintenance.optimize(day.w.platform, "main")
    day.ends_well()
