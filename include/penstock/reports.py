"""What a person is shown of a run or a release: the question of an approval, and one self-contained HTML report."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlalchemy import ColumnElement, Connection, select

from penstock import decisions, manifest, metadata, quality, retraining, runs, wording
from penstock.catalog.schema import documents, entries, releases
from penstock.platform import Platform
from penstock.quality import Gate
from penstock.runs import RunReport
from penstock.standing import standing


def question(platform: Platform, index: str, number: int) -> dict[str, str]:
    """Subject and body (Markdown) of the approval of a refused release: what failed, and every gate's figures."""
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        live, _ = manifest.pointer(connection, index)
        gates = quality.verdicts(connection, index, number)
        named = _named(connection, index, number)
    failed = [gate for gate in gates if not gate.passed]
    table = "\n".join(map(_gate_line, gates))
    refused = f"{len(failed)} of {wording.count(len(gates), 'gate')}"
    holds = f"{wording.count(row.documents, 'document')} in {wording.count(row.chunks, 'chunk')}"
    body = f"""\
Release **{number}** of **{index}** was refused by {refused} and waits, unseen.
Readers stay on release {live or "none"} until somebody decides.

It holds {holds}; in quarantine: {row.quarantined}.
Against release {row.base or "none"}: {_changes(row.delta)}.
{named}
| gate | verdict | observed | allowed | what it means |
|---|---|---|---|---|
{table}

Approve to publish it, reject to discard it; while the source and the limits stay as they are, the next sync stages the
same again. **Say why**: without a reason nothing is decided, and you are asked again.
"""
    names = ", ".join(gate.name for gate in failed)
    return {"subject": f"Publish release {number} of {index}? Refused by: {names}", "body": body}


def _changes(delta: dict[str, int]) -> str:
    names = ("new", "changed", "removed", "quarantined", "deferred")
    return ", ".join(f"{delta[name]} {name}" for name in names if delta.get(name)) or "no document differs"


MAX_NAMED = 10


def _named(connection: Connection, index: str, number: int) -> str:
    """The documents that a release removes or quarantines, by name: what a person asks first. The first few of each."""
    remade = select(entries.c.document_id).where(entries.c.index_name == index, entries.c.added_in == number)
    gone = entries.c.document_id.not_in(remade)
    groups = {
        "Removed": _keys(connection, entries.c.index_name == index, entries.c.removed_in == number, gone),
        "Quarantined": _keys(
            connection, entries.c.index_name == index, entries.c.added_in == number, entries.c.reason.is_not(None)
        ),
    }
    lines = []
    for word, keys in groups.items():
        more = f" and {len(keys) - MAX_NAMED:,} more" if len(keys) > MAX_NAMED else ""
        if keys:
            lines.append(f"* {word}: {', '.join(map(_code, keys[:MAX_NAMED]))}{more}\n")
    return "\n" + "".join(lines) if lines else ""


def _keys(connection: Connection, *where: ColumnElement[bool]) -> list[str]:
    query = select(documents.c.key).join(entries, entries.c.document_id == documents.c.id).where(*where)
    return [key or "an erased document" for key in connection.execute(query.order_by(documents.c.key)).scalars()]


def _code(key: str) -> str:
    """A key as Markdown that no character of it can end.

    >>> _code("a`b.md")
    "`a'b.md`"
    """
    return "`" + " ".join(key.replace("`", "'").split()) + "`"


def _gate_line(gate: Gate) -> str:
    cells = (gate.name, "passed" if gate.passed else "**refused**", gate.observed, gate.limit, gate.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def run_report_html(platform: Platform, run_id: int, **links: str) -> str:
    """One page about a run: what it counted, what it took, and the gates of the release that it staged.

    Self-contained. Raises ``UnknownNameError``.
    """
    run = runs.report(platform, run_id)
    if run.kind == runs.OWN_TURN:
        return _retraining_page(platform, run, links)
    with platform.catalog.read() as connection:
        staged = connection.execute(
            select(releases).where(releases.c.index_name == run.index, releases.c.run_id == run_id)
        ).first()
    number = staged.number if staged is not None else None
    state, message = standing(platform, run)
    return _page(platform, run.index, f"Run {run_id} of {run.index}", state, message, run, number, links)


def _retraining_page(platform: Platform, run: RunReport, links: dict[str, str]) -> str:
    """What it looked at, what it made, how that compares with the champion, and what came of it."""
    state, message = standing(platform, run)
    values = {"title": f"Retraining {run.id} of {run.index}", "state": state, "message": message, "run": run}
    values |= {"found": retraining.told(platform, run.id), "longest": max(run.seconds.values(), default=0) or 1}
    return str(environment().get_template("retraining.html").render(**values, **links))


def release_report_html(platform: Platform, index: str, number: int, **links: str) -> str:
    """One page about a release: its gates, its figures, who decided, and the run that staged it.

    Self-contained. Raises ``UnknownNameError``.
    """
    platform.settings.index(index)
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
    run = runs.report(platform, row.run_id)
    message = standing(platform, run)[1]
    return _page(platform, index, f"Release {number} of {index}", str(row.state), message, run, number, links)


def _page(
    platform: Platform,
    index: str,
    title: str,
    state: str,
    message: str,
    run: RunReport,
    number: int | None,
    links: dict[str, str],
) -> str:
    release, gates, decided, live, unread = None, [], [], None, []
    if number is not None:
        with platform.catalog.read() as connection:
            release = manifest.release_row(connection, index, number)
            gates = quality.verdicts(connection, index, number)
            live, _ = manifest.pointer(connection, index)
        decided = [one for one in decisions.history(platform.catalog, index) if one["release"] == number]
        unread = metadata.unread(platform, index, number)
    return str(
        environment()
        .get_template("report.html")
        .render(
            title=title,
            state=state,
            message=message,
            index=index,
            run=run,
            groups=_groups(run.counts),
            longest=max(run.seconds.values(), default=0) or 1,
            release=release,
            gates=gates,
            decisions=decided,
            unread=unread,
            live=live,
            **links,
        )
    )


GROUPS = {
    "Documents listed": ("listed", "unchanged", "quarantined_before", "erased", "work"),
    "Documents looked at": (
        "work",
        "attachments",
        "new",
        "changed",
        "rebuilt",
        "same",
        "quarantined",
        "deferred",
        "removed",
    ),
    "Spent": ("tokens_billed", "requests", "requests_retried", "tokens_unsure", "tokens_in_flight"),
    "Work done": (
        *("fetched", "fetched_bytes", "parsed", "texts", "embedded", "reused", "rows_added", "rows_removed"),
        "fields_unread",
    ),
}
WORDS = {
    "work": "to be looked at",
    "quarantined_before": "still in quarantine",
    "fetched_bytes": "bytes fetched",
    "texts": "distinct texts",
    "embedded": "texts embedded",
    "reused": "from the cache",
    "tokens_billed": "tokens billed",
    "requests_retried": "tried again",
    "tokens_unsure": "at most, unanswered",
    "tokens_in_flight": "at most, under way",
    "rows_added": "rows added",
    "rows_removed": "rows retired",
    "fields_unread": "documents with a value not of its type",
}


def _groups(counts: dict[str, int]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The run's counts as they add up, by group; a group of which nothing was counted is left out."""
    found = []
    if "texts" in counts:
        counts = counts | {"reused": counts["texts"] - counts.get("embedded", 0)}
    for group, names in GROUPS.items():
        pairs = [
            (WORDS.get(name, name), wording.size(counts[name]) if name == "fetched_bytes" else f"{counts[name]:,}")
            for name in names
            if name in counts
        ]
        if any(counts.get(name) for name in names):
            found.append((group, pairs))
    return found


# how values are shown


@cache
def environment(*folders: str) -> Environment:
    """Templates with autoescape; ``folders`` hold further ones, which may extend these."""
    made = Environment(
        loader=FileSystemLoader([*folders, str(Path(__file__).parent / "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": ago,
        "counted": wording.count,
        "duration": wording.duration,
        "figure": wording.figure,
        "moment": moment,
        "number": "{:,}".format,
        "prose": prose,
        "size": wording.size,
        "tone": tone,
    }
    return made


TONES = {
    "good": ("promoted", "promote", "published", "live", "passed", "fresh", "complete", "indexed"),
    "warn": ("waiting", "held", "on hold", "deferred", "quarantined", "stale"),
    "bad": ("failed", "refused", "rejected", "not listed"),
    "busy": ("running", "staging"),
}


def tone(state: str) -> str:
    return next((name for name, states in TONES.items() if state in states), "")


def ago(seconds: float | None) -> Markup:
    """A moment as its distance from now; the exact time is in the title."""
    if seconds is None:
        return Markup('<span class="soft">never</span>')
    words = wording.ago(max(0.0, time.time() - seconds))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(_iso(seconds), moment(seconds), words)


def prose(text: str) -> Markup:
    """Text with what stands between back-quotes as code.

    >>> prose("run `a<b`")
    Markup('run <code>a&lt;b</code>')
    """
    parts = text.split("`")
    whole = len(parts) % 2 == 1
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if whole and odd % 2 else escape(part) for odd, part in enumerate(parts)
    )


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
