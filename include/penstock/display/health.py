"""How an installation is: what is live and how fresh, what was decided, what ``verify`` and ``doctor`` found."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN, Part
from penstock.display.releases import reindex_hint
from penstock.display.running import billed

MARKS = {"ok": ("✓", GOOD), "warn": ("!", WARN), "bad": ("✗", BAD)}


def started(made: dict[str, Any]) -> None:
    """Print what ``init`` wrote and the commands that come next."""
    paper.line((f"A project is ready in {made['directory']}", STRONG))
    for path in made["written"]:
        paper.line("  ", ("+", GOOD), f" {path}")
    for path in made["kept"]:
        paper.line("  ", ("=", QUIET), f" {path}  ", ("was there and stays as it is", QUIET))
    paper.blank()
    paper.hint("next", *made["next"])


def status(found: list[dict[str, Any]]) -> None:
    """Print each index: its live release and age, what waits with the command that decides, and its sources."""
    if not found:
        paper.line("The configuration has no index yet: add [indexes.NAME] to it.")
    for number, one in enumerate(found):
        if number:
            paper.blank()
        _index(one)


def _index(one: dict[str, Any]) -> None:
    index = one["index"]
    if one["live"] is None:
        paper.line((index, STRONG), "  nothing is live yet")
    else:
        paper.line(
            (index, STRONG), "  ", (f"release {one['live']} is live", GOOD), f", published {wording.ago(one['age_s'])}"
        )
        held = f"{wording.count(one['documents'], 'document')}, {wording.count(one['chunks'], 'chunk')}"
        paper.line("  ", (f"{held}, {one['quarantined']:,} in quarantine", QUIET))
    if one["on_hold"]:
        paper.prose(("On hold: syncs stage and check, and publish nothing.", WARN))
    for source in one["sources"]:
        _source(source)
    if run := one["last_run"]:
        age = f"run {run['id']} ({run['kind']}), {wording.when(run['started_at'])} UTC: "
        paper.prose((age, QUIET), (f"{run['state']}; {run['message']}", QUIET))
        if run["counts"].get("requests"):
            paper.prose((f"billed {billed(run['counts'])}", QUIET), indent=4)
    _waits(one)
    for purpose, model in one["champions"].items():
        paper.line("  ", (f"{purpose} {model}, tuned here", QUIET))
    reindex_hint(index, one["reindex_would_change"])


def _source(source: dict[str, Any]) -> None:
    shown = {name: number for name, number in source["documents"].items() if number}
    paper.line("  ", (source["source"], STRONG), f"  {wording.listed(shown, 'no documents')}")
    paper.prose(_freshness(source), indent=4)
    if source["error"]:
        paper.prose(("the last listing failed, so nothing of it was removed: ", BAD), source["error"], indent=4)


def _freshness(source: dict[str, Any]) -> Part:
    if not source["configured"]:
        return ("no longer configured; its documents stay, and `penstock erase` withdraws one", WARN)
    allowed = f", allowed {wording.span(source['max_age_s'])}" if source["max_age_s"] else ""
    listed = f"last listed {wording.ago(source['age_s'])}" if source["age_s"] is not None else "never listed"
    return (f"stale: {listed}{allowed}", BAD) if source["stale"] else (f"{listed}{allowed}", QUIET)


def _waits(one: dict[str, Any]) -> None:
    index, waiting = one["index"], one["waiting"]
    if waiting and waiting["state"] == "waiting":
        number, model = waiting["release"], waiting["challenger"]
        if model and waiting["hindrance"]:
            paper.prose(f"Release {number} was built by the challenger {model}: {waiting['hindrance']}.")
            return
        if model:
            paper.prose((f"Release {number} was built by the challenger {model} and waits for its promotion.", WARN))
            paper.hint("next", f'penstock promote {index} {model} --why "…"')
            return
        paper.prose((f"Release {number} was refused by its gates and waits for a person.", WARN))
        paper.hint(
            "next",
            f"penstock report {index} {number}",
            f'penstock approve {index} {number} --why "…"',
            f'penstock reject {index} {number} --why "…"',
        )
    elif waiting or one["on_hold"]:
        if waiting:
            paper.prose((f"Release {waiting['release']} passed its gates and waits for the hold to end.", WARN))
        paper.hint("next", f'penstock resume {index} --why "…"')
    elif one["live"] is None:
        paper.hint("next", f"penstock sync {index}")


def findings(found: dict[str, Any]) -> None:
    """Print every difference that ``verify`` found, and what mends it."""
    if not found["findings"]:
        paper.line((f"{found['index']} is whole", GOOD), ": catalog, manifest, store and lake agree.")
        return
    number = len(found["findings"])
    paper.line((f"{found['index']}: {wording.count(number, 'difference')}", f"{STRONG} {BAD}"))
    for one in found["findings"]:
        paper.prose(("✗ ", BAD), one["what"])
        paper.prose((one["remedy"], QUIET), indent=4)


def checks(found: list[dict[str, Any]]) -> None:
    """Print what ``doctor`` looked at; what is wrong comes with its remedy."""
    for one in found:
        paper.prose(MARKS[one["state"]], f" {one['name']}  ", (one["detail"], QUIET), indent=0, hang=2)
        if one.get("remedy"):
            paper.prose(one["remedy"], indent=4)
    bad = sum(one["state"] == "bad" for one in found)
    warned = sum(one["state"] == "warn" for one in found)
    paper.blank()
    if bad:
        paper.line((f"{wording.count(bad, 'check')} failed", f"{STRONG} {BAD}"))
    elif warned:
        paper.line(("Well", GOOD), f", with {wording.count(warned, 'warning')}.")
    else:
        paper.line(("All is well.", GOOD))


def decisions(found: list[dict[str, Any]]) -> None:
    """Print who decided what, when and why; the newest first."""
    if not found:
        paper.line("Nobody has decided anything yet.")
    for one in found:
        about = f" {_about(one)}  by {one['who']} ({one['via']})"
        paper.line((wording.when(one["at"]), QUIET), "  ", (one["what"], STRONG), about)
        paper.prose(one["why"], indent=18)


def _about(one: dict[str, Any]) -> str:
    if one["document_id"]:
        return f"{one['source']}:{one['key']}" if one.get("key") else f"document {one['document_id']}"
    return " ".join(str(part) for part in (one["index_name"], one["release"]) if part is not None)
