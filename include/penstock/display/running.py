"""A run while it goes, and its report when it ended."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from penstock import progress, wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN, Part

if TYPE_CHECKING:
    from penstock.runs import RunReport

STYLES = {"published": GOOD, "unchanged": GOOD, "held": WARN, "waiting": WARN, "failed": BAD, "running": WARN}
STYLES |= {"promoted": GOOD, "refused": WARN}
OUTCOMES = ("new", "changed", "rebuilt", "same", "unchanged", "quarantined", "quarantined_before", "deferred", "erased")
NAMES = {"same": "fetched and found the same", "quarantined_before": "in quarantine already", "erased": "erased before"}


class Bars(progress.Progress):
    """A bar per stage on stderr, gone when the run ends: the report then says what it did. Use it in a ``with``."""

    def __init__(self) -> None:
        self._rich = RichProgress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rich.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        if self._task is not None:
            self._rich.remove_task(self._task)
        self._task = self._rich.add_task(name, total=total)

    def advance(self, steps: int = 1) -> None:
        if self._task is None:
            return
        self._rich.advance(self._task, steps)
        for task in self._rich.tasks:  # attachments come to light on the way
            if task.total is not None and task.completed > task.total:
                self._rich.update(self._task, total=task.completed)


def run(report: RunReport) -> None:
    """Print what a run did: what came of every document, texts and vectors, rows, time, and what to do next."""
    counts = report.counts
    paper.prose((report.message[:1].upper() + report.message[1:], f"{STRONG} {STYLES[report.state]}"), indent=0)
    took = f", {wording.duration(report.finished_at - report.started_at)}" if report.finished_at else ""
    paper.line((f"{report.index}, run {report.id} ({report.kind}){took}", QUIET))
    paper.blank()
    paper.rows(_figures(counts))
    _stages(report.seconds)
    for name, source in sorted(report.sources.items()):
        if "error" in source:
            paper.prose((f"{name} was not listed, so nothing of it was removed: ", BAD), str(source["error"]))
    _next(report)


def retrained(report: RunReport, found: dict[str, Any]) -> None:
    """Print what came of a retraining, how it came to it, and what to do next."""
    paper.prose((report.message[:1].upper() + report.message[1:], f"{STRONG} {STYLES[report.state]}"), indent=0)
    took = f", {wording.duration(report.finished_at - report.started_at)}" if report.finished_at else ""
    paper.line((f"{report.index}, run {report.id} ({report.kind}){took}", QUIET))
    paper.rows([((name, QUIET), words) for name, words in _found(found)])
    _stages(report.seconds)
    if report.state == "waiting":
        paper.blank()
        by_hand = f'penstock promote {report.index} {found["model"]} --why "…"'
        paper.hint("next", f"penstock models {report.index}", by_hand)
    elif report.state == "promoted":
        paper.blank()
        paper.hint("next", f"penstock models {report.index}", f'penstock demote {report.index} --why "…"')


def _found(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Of each step that was gone what it found."""
    rows = [("tuned for", f"{found['purpose']}: {found['why']}")] if found["why"] else []
    if found["set"]:
        rows.append(("set", f"{found['set']}, {wording.count(found['examples'], 'example')}"))
    if found["model"]:
        rows.append(("model", found["model"]))
    if compared := found["comparison"]:
        rows.append(
            ("compared", f"{compared['outcome']} (comparison {compared['comparison']}, look {compared['look']})")
        )
    if compared and "gain" in compared:
        gain, means = compared["gain"], compared["means"]
        between = f"[{gain['low']:+.3f}, {gain['high']:+.3f}]"
        rows.append(("", f"{means['champion']:.3f} → {means['challenger']:.3f}, gain {gain['mean']:+.3f} {between}"))
    return rows


def _figures(counts: dict[str, int]) -> list[tuple[Part, Part]]:
    n = counts.get
    figures: list[tuple[Part, Part]] = [("listed", wording.count(n("listed", 0), "document"))]
    if attachments := n("attachments", 0):
        figures.append(("", f"{wording.count(attachments, 'attachment')}, each counted as a document"))
    figures += [
        ("", f"{n(name, 0):,} {NAMES.get(name, name)}") for name in OUTCOMES if n(name, 0) or name == "unchanged"
    ]
    if n("carried", 0):
        figures.append(("not named", f"{wording.count(n('carried', 0), 'document')}, as they were"))
    if n("access_changed", 0):
        figures.append(("access", f"{wording.count(n('access_changed', 0), 'document')} with other readers, at once"))
    if gone := n("removed", 0):
        figures.append(("removed", wording.count(gone, "document")))
    if n("fetched", 0):
        figures.append(
            ("fetched", f"{wording.count(n('fetched', 0), 'document')}, {wording.size(n('fetched_bytes', 0))}")
        )
        figures.append(("parsed", wording.count(n("parsed", 0), "document")))
    if "texts" in counts:
        reused = counts["texts"] - n("embedded", 0)
        words = f"{counts['texts']:,} distinct: {n('embedded', 0):,} embedded, {reused:,} from the cache"
        figures.append(("texts", words))
    if n("requests", 0):
        figures.append(("billed", billed(counts)))
    if unread := n("fields_unread", 0):
        words = f"{wording.count(unread, 'document')} with a value not of its field's type: filters find none there"
        figures.append(("fields", words))
    if "rows_added" in counts:
        figures.append(("rows", f"{counts['rows_added']:,} added, {n('rows_removed', 0):,} removed"))
    return [((str(name), QUIET), words) for name, words in figures]


def billed(counts: dict[str, int]) -> str:
    """What the run spent on a paid API."""
    n = counts.get
    again = f", {n('requests_retried', 0):,} of them tried again" if n("requests_retried", 0) else ""
    words = f"{wording.count(n('tokens_billed', 0), 'token')} in {wording.count(n('requests', 0), 'request')}{again}"
    unsure = n("tokens_unsure", 0) + n("tokens_in_flight", 0)
    return words + (f"; up to {unsure:,} more for requests without a clear answer" if unsure else "")


def _stages(spent: dict[str, float]) -> None:
    worth = {name: value for name, value in spent.items() if value >= 0.005}
    if worth:
        words = " · ".join(f"{name} {wording.duration(value)}" for name, value in worth.items())
        paper.prose(("time     ", QUIET), words, hang=9)


def _next(report: RunReport) -> None:
    commands: list[str] = []
    index, counts = report.index, report.counts
    if report.state == "waiting":
        commands = [
            f"penstock report {index} {report.release}",
            f'penstock approve {index} {report.release} --why "…"',
            f'penstock reject {index} {report.release} --why "…"',
        ]
    elif report.state == "held":
        commands = [f'penstock resume {index} --why "…"']
    elif report.state == "published":
        commands = [f'penstock search {index} "…"']
    if counts.get("quarantined") or counts.get("deferred"):
        commands.append(f"penstock quarantine list {index}")
    if commands:
        paper.blank()
        paper.hint("next", *commands)


def sources(found: dict[str, Any]) -> None:
    """Print how each source's listing ended."""
    for name, source in sorted(found.items()):
        if "error" in source:
            paper.prose((f"{name} cannot be listed: ", BAD), str(source["error"]))
        else:
            paper.line("  ", (f"{name}: {wording.count(source.get('listed', 0), 'document')} listed", QUIET))
