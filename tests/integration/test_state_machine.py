"""Random histories of an index against a simple model: what each release shows, to whom, and which one is live."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from penstock import erasure, maintenance, manifest, quality, release
from penstock import sync as line
from penstock.embedding.cache import VectorCache
from penstock.errors import ListingError
from penstock.index.lancedb import LanceIndex
from penstock.lake import Lake
from penstock.parsing import ParserPool
from penstock.pending import PendingRows
from penstock.retrieval import search
from penstock.runs import RunReport
from penstock.settings import ParserSettings
from penstock.staging import Stager
from support.workspace import WHO, Workspace

KEYS = st.sampled_from(["a.md", "b.md", "c.md", "sub/d.md"])
MARKS = st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True)
MAX_REMOVED = 0.5


T = TypeVar("T")
Content = tuple[int | str, ...]
"""What a document holds, in order: marks; ``REFUSED`` before them where its bytes were erased under another name."""
REFUSED = "refused"
Release = dict[str, Content]

BEFORE_STAGING = {
    "access": (line, "apply_access"),
    "rows about documents": (PendingRows, "flush"),
    "vectors": (VectorCache, "put"),
}
STAGING = {
    "rows": (Stager, "_row_changes"),
    "manifest": (Stager, "_close"),
    "gates": (quality, "check"),
    "publishing": (release, "settle"),
}
SYNC: dict[str, tuple[Any, str]] = BEFORE_STAGING | STAGING
PRUNE: dict[str, tuple[Any, str]] = {"index": (LanceIndex, "prune"), "lake": (maintenance, "sweep")}
ERASE: dict[str, tuple[Any, str]] = {
    "rows hidden": (LanceIndex, "set_principals"),
    "rows erased": (LanceIndex, "erase"),
    "objects": (Lake, "delete"),
    "names": (erasure, "scrub_names"),
    "tombstones": (erasure, "_finish_tombstones"),
}


class Died(BaseException):
    pass


def somewhere(places: dict[str, tuple[Any, str]]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *places])


def dying(place: tuple[Any, str], work: Callable[[], T]) -> T | None:
    """Do the work and die where it comes to ``place``; its result where it never came there."""
    owner, name = place
    original = getattr(owner, name)

    def die(*_args: object, **_kwargs: object) -> None:
        raise Died

    setattr(owner, name, die)
    try:
        return work()
    except Died:
        return None
    finally:
        setattr(owner, name, original)


class History(RuleBasedStateMachine):
    """``source`` is what stands in the folder, ``shown`` what each kept release holds."""

    pools: dict[ParserSettings, ParserPool]

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="penstock-history-"))
        self.w = Workspace(self.root, self.pools, gates={"max_removed_share": MAX_REMOVED})
        self.source: Release = {}
        self.private: set[str] = set()
        self.known_private: set[str] = set()
        self.erased: set[str] = set()
        self.fetched: dict[str, set[Content]] = {}
        self.buried: set[Content] = set()
        self.shown: dict[int, Release] = {}
        self.live: int | None = None
        self.on_hold = False
        self.pending: tuple[int, Release, str] | None = None
        self.redacted = False  # the pending release lost a document since it was staged: a sync may stage it anew
        self.highest = 0
        self.ever = False

    def teardown(self) -> None:
        if hasattr(self, "w"):
            self.w.platform.close()
            shutil.rmtree(self.root)

    # what people do to the source

    @rule(key=KEYS, marks=MARKS)
    def write(self, key: str, marks: list[int]) -> None:
        self.w.write(key, "# Page\n\n" + "\n\n".join(f"## Part {m}\n\nIt says mark{m}x here." for m in marks))
        self.source[key] = tuple(marks)

    @precondition(lambda self: self.source)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.source)))
        self.w.remove(key)
        del self.source[key]

    @precondition(lambda self: self.source)
    @rule(data=st.data(), to=KEYS)
    def rename(self, data: st.DataObject, to: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.source)))
        if to != key:
            self.w.rename(key, to)
            self.source[to] = self.source.pop(key)

    @rule(key=KEYS)
    def change_readers(self, key: str) -> None:
        path = self.w.folder / f"{key}.access.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if key in self.private:
            self.private.discard(key)
            path.unlink()
        else:
            self.private.add(key)
            path.write_text(json.dumps({"principals": ["group:g"]}))

    # what the line does

    @rule(crash=somewhere(SYNC))
    def sync(self, crash: str | None) -> None:
        base = self.shown.get(max(self.shown, default=0), {})
        if not self.source and (base or not self.ever):
            with pytest.raises(ListingError):
                self.w.sync()
            return
        self.ever = True
        listed = self._listed()
        self._judge(self._run(crash, self.w.sync), listed, base)

    def _listed(self) -> Release:
        """What a release of the source as it stands would hold; notes what is fetched, and who may read it."""
        listed: Release = {}
        for key, marks in self.source.items():
            if key in self.erased:
                continue
            if marks in self.buried:
                listed[key] = (REFUSED, *marks)
            else:
                listed[key] = marks
                self.fetched.setdefault(key, set()).add(marks)
        self.known_private = (self.private & self.source.keys()) | (self.known_private - self.source.keys())
        return listed

    def _run(self, crash: str | None, work: Callable[[], RunReport]) -> RunReport:
        """The report of a run that may die once and is then run again."""
        if crash and (report := dying(SYNC[crash], work)):
            return report
        if crash in STAGING:
            self.pending = None  # a staging that began has superseded what waited, though it did not end
        return work()

    def _judge(self, report: RunReport, listed: Release, base: Release) -> None:
        if listed == base and self.shown:
            assert report.state in ("unchanged", "waiting", "held"), report.message
            if report.state == "unchanged" and not self.on_hold:
                self.live = max(self.shown)
            return
        waits = self.pending is not None and self.pending[1] == listed
        if self.pending and waits and (not self.redacted or report.release == self.pending[0]):
            assert (report.release, report.state) == (self.pending[0], self.pending[2])
            return
        assert report.release is not None
        assert report.release > self.highest
        removed = len(base.keys() - listed.keys())
        holds_something = any(REFUSED not in content for content in listed.values())
        state = "waiting" if not holds_something or (base and removed / len(base) > MAX_REMOVED) else "published"
        self._staged(report, listed, "held" if state == "published" and self.on_hold else state)

    def _staged(self, report: RunReport, content: Release, state: str) -> None:
        assert report.state == state, report.message
        assert report.release
        self.highest, self.pending, self.redacted = report.release, None, False
        if state == "published":
            self.shown[report.release], self.live = content, report.release
        else:
            self.pending = (report.release, content, state)

    @precondition(lambda self: self.shown)
    @rule(crash=somewhere(STAGING))
    def reindex(self, crash: str | None) -> None:
        report = self._run(crash, self.w.reindex)
        newest = self.shown[max(self.shown)]
        content = {key: marks for key, marks in newest.items() if REFUSED not in marks}  # refused bytes are not kept
        self._staged(report, content, "waiting" if not content else "held" if self.on_hold else "published")

    # what people decide

    @precondition(lambda self: self.pending)
    @rule(yes=st.booleans())
    def decide(self, yes: bool) -> None:
        assert self.pending
        number, content, _state = self.pending
        if yes:
            release.approve(self.w.platform, "main", number, WHO, "yes")
            self.shown[number], self.live, self.on_hold = content, number, False
        else:
            release.reject(self.w.platform, "main", number, WHO, "no")
        self.pending = None

    @precondition(lambda self: len([n for n in self.shown if n < (self.live or 0)]) > 0)
    @rule()
    def roll_back(self) -> None:
        self.live = release.rollback(self.w.platform, "main", WHO, "back").live
        self.on_hold = True

    @precondition(lambda self: self.on_hold)
    @rule()
    def resume(self) -> None:
        self.live = release.resume(self.w.platform, "main", WHO, "on").live
        self.on_hold = False
        if self.pending and self.pending[2] == "held":
            self.shown[self.pending[0]] = self.pending[1]
            self.pending = None
        assert self.live == max(self.shown)

    @precondition(lambda self: len(self.shown) > 2)
    @rule(keep=st.integers(1, 3), crash=somewhere(PRUNE))
    def prune(self, keep: int, crash: str | None) -> None:
        if not (crash and dying(PRUNE[crash], lambda: maintenance.prune(self.w.platform, "main", keep))):
            maintenance.prune(self.w.platform, "main", keep)
        kept = {*sorted(self.shown)[-keep:], self.live}
        self.shown = {number: content for number, content in self.shown.items() if number in kept}

    @precondition(lambda self: self.shown and len(self.erased) < 2)
    @rule(data=st.data(), crash=somewhere(ERASE))
    def forget(self, data: st.DataObject, crash: str | None) -> None:
        known = sorted({key for content in self.shown.values() for key in content} - self.erased)
        if not known:
            return
        key = data.draw(st.sampled_from(known))
        forget = lambda: erasure.erase(self.w.platform, "docs", key, WHO, "asked")  # noqa: E731
        if not (crash and dying(ERASE[crash], forget)):
            forget()
        self.erased.add(key)
        mine = self.fetched.pop(key, set())
        self.buried |= mine - {content for others in self.fetched.values() for content in others}
        self.redacted = self.pending is not None
        for content in [*self.shown.values(), *([self.pending[1]] if self.pending else [])]:
            content.pop(key, None)

    # what must always hold

    @invariant()
    def each_release_shows_what_it_holds_to_whom_it_may(self) -> None:
        if not hasattr(self, "w") or self.live is None:
            return
        with self.w.platform.catalog.read() as connection:
            assert manifest.pointer(connection, "main") == (self.live, self.on_hold)
        for number, content in self.shown.items():
            for reader in ((), ("group:g",)):
                expected = {
                    (key, mark)
                    for key, marks in content.items()
                    if REFUSED not in marks and (reader or key not in self.known_private)
                    for mark in marks
                }
                assert self._seen(number, reader) == expected, (number, reader)

    def _seen(self, number: int, reader: tuple[str, ...]) -> set[tuple[str, int | str]]:
        hits = search(self.w.platform, "main", "a", number, reader, k=1000, mode="vector").hits
        return {(hit.key, int(mark)) for hit in hits for mark in re.findall(r"mark(\d+)x", hit.text)}

    @invariant()
    def everything_adds_up(self) -> None:
        if hasattr(self, "w") and self.live is not None:
            assert maintenance.verify(self.w.platform, "main") == []


@pytest.mark.parametrize(("histories", "steps"), [(8, 14), pytest.param(60, 40, marks=pytest.mark.long)])
def test_any_history_matches_the_model(pools: dict[ParserSettings, ParserPool], histories: int, steps: int) -> None:
    History.pools = pools
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
