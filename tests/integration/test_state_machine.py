"""Random histories of an index against a simple model: what each release shows, to whom, and which one is live."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

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

from penstock import maintenance, manifest, release
from penstock.erasure import erase
from penstock.errors import ListingError
from penstock.parsing import ParserPool
from penstock.settings import ParserSettings
from penstock.staging import Stager
from support.workspace import WHO, Workspace

KEYS = st.sampled_from(["a.md", "b.md", "c.md", "sub/d.md"])
MARKS = st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True)
MAX_REMOVED = 0.5


class Died(BaseException):
    pass


class History(RuleBasedStateMachine):
    """``source`` is what stands in the folder, ``shown`` what each kept release holds: key → marks."""

    pools: dict[ParserSettings, ParserPool]

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="penstock-history-"))
        self.w = Workspace(self.root, self.pools, gates={"max_removed_share": MAX_REMOVED})
        self.source: dict[str, frozenset[int]] = {}
        self.private: set[str] = set()
        self.erased: set[str] = set()
        self.shown: dict[int, dict[str, frozenset[int]]] = {}
        self.live: int | None = None
        self.on_hold = False
        self.pending: tuple[int, dict[str, frozenset[int]], str] | None = None
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
        self.source[key] = frozenset(marks)

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

    @rule(crash=st.sampled_from([None, "rows", "manifest"]))
    def sync(self, crash: str | None) -> None:
        listed = {key: marks for key, marks in self.source.items() if key not in self.erased}
        base = self.shown.get(max(self.shown, default=0), {})
        if not self.source and (base or not self.ever):
            with pytest.raises(ListingError):
                self.w.sync()
            return
        self.ever = True
        if crash:
            self._crash(crash)
        report = self.w.sync()
        self._listed_readers()
        if listed == base and self.shown:
            assert report.state in ("unchanged", "waiting", "held"), report.message
            if report.state == "unchanged" and not self.on_hold:
                self.live = max(self.shown)
            return
        if self.pending and self.pending[1] == listed:
            assert (report.release, report.state) == (self.pending[0], self.pending[2])
            return
        number = report.release
        assert number is not None
        assert number > self.highest
        self.highest = number
        removed = len(base.keys() - listed.keys())
        state = "waiting" if not any(listed.values()) or (base and removed / len(base) > MAX_REMOVED) else "published"
        if state == "published" and self.on_hold:
            state = "held"
        assert report.state == state, report.message
        self.pending = None
        if state == "published":
            self.shown[number], self.live = listed, number
        else:
            self.pending = (number, listed, state)

    def _crash(self, where: str) -> None:
        """Die inside the writing of rows, or when they are written and the manifest is not."""
        name = "_row_changes" if where == "rows" else "_close"
        original = getattr(Stager, name)

        def die(*_args: object, **_kwargs: object) -> None:
            raise Died

        setattr(Stager, name, die)
        try:
            self.w.sync()
        except Died:
            # A staging that began has superseded what waited, though it did not end.
            if self.pending:
                self.pending = None
        finally:
            setattr(Stager, name, original)

    def _listed_readers(self) -> None:
        self.known_private = {key for key in self.private if key in self.source} | {
            key for key in getattr(self, "known_private", set()) if key not in self.source
        }

    @precondition(lambda self: self.shown)
    @rule()
    def reindex(self) -> None:
        report = self.w.reindex()
        self.highest = report.release or self.highest
        self.pending = None
        content = self.shown[max(self.shown)]
        if report.state == "published":
            self.shown[self.highest], self.live = content, self.highest
        else:
            self.pending = (self.highest, content, report.state)

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
    @rule(keep=st.integers(1, 3))
    def prune(self, keep: int) -> None:
        maintenance.prune(self.w.platform, "main", keep)
        kept = {*sorted(self.shown)[-keep:], self.live}
        self.shown = {number: content for number, content in self.shown.items() if number in kept}

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        known = sorted({key for content in self.shown.values() for key in content} - self.erased)
        if known and len(self.erased) < 2:
            key = data.draw(st.sampled_from(known))
            erase(self.w.platform, "docs", key, WHO, "asked")
            self.erased.add(key)
            for content in [*self.shown.values(), *([self.pending[1]] if self.pending else [])]:
                content.pop(key, None)

    # what must always hold

    @invariant()
    def each_release_shows_what_it_holds_to_whom_it_may(self) -> None:
        if not hasattr(self, "w") or self.live is None:
            return
        with self.w.platform.catalog.read() as connection:
            assert manifest.pointer(connection, "main") == (self.live, self.on_hold)
        private = getattr(self, "known_private", set())
        for number, content in self.shown.items():
            for reader in ((), ("group:g",)):
                expected = {m for key, marks in content.items() if reader or key not in private for m in marks}
                seen = {
                    int(m) for t in self.w.texts(as_of=number, principals=reader) for m in re.findall(r"mark(\d+)x", t)
                }
                assert seen == expected, (number, reader)

    @invariant()
    def everything_adds_up(self) -> None:
        if hasattr(self, "w") and self.live is not None:
            assert maintenance.verify(self.w.platform, "main") == []


def test_any_history_matches_the_model(pools: dict[ParserSettings, ParserPool]) -> None:
    History.pools = pools
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=8,
            stateful_step_count=14,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
