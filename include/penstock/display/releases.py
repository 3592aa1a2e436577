"""Releases, what lies between two of them, what a sync would make, and what a decision moved."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN, Part
from penstock.display.running import sources

MARKS = {
    "new": ("+", GOOD),
    "added": ("+", GOOD),
    "changed": ("~", WARN),
    "remade": ("~", QUIET),
    "removed": ("-", BAD),
    "quarantined": ("!", BAD),
}
PLURALS = {"attachment": "attachments"}
STATE_STYLES = {"published": GOOD, "waiting": WARN, "held": WARN, "rejected": BAD}


def releases(found: list[dict[str, Any]]) -> None:
    if not found:
        paper.line("No release yet: ", paper.command("penstock sync INDEX"), " makes the first.")
        return
    paper.line((str(found[0]["index_name"]), STRONG))
    table: list[tuple[Part, ...]] = [
        tuple((name, QUIET) for name in ("", "release", "state", "made (UTC)", "documents", "quarantined", "chunks"))
    ]
    table += [
        (
            ("●", GOOD) if one["live"] else " ",
            str(one["number"]),
            _state(one),
            wording.when(one["created_at"]),
            f"{one['documents']:,}",
            f"{one['quarantined']:,}",
            f"{one['chunks']:,}",
        )
        for one in found
    ]
    paper.rows(table, indent=0, right=(1, 4, 5, 6))
    paper.blank()
    for one in found:
        base = f"against release {one['base']}" if one["base"] else "the first"
        changes = {name: value for name, value in one["changes"].items() if isinstance(value, int)}
        changes.pop("rows_rewritten", None)
        changes["attachment"] = changes.pop("attachments", 0)
        refused = f"; refused by {', '.join(one['failed_gates'])}" if one["failed_gates"] else ""
        pinned = "; pinned" if one["pinned"] else ""
        paper.prose(
            (f"{one['number']}  ", STRONG),
            wording.listed(changes, plurals=PLURALS),
            (f" ({base})", QUIET),
            (refused, BAD),
            pinned,
        )


def _state(one: dict[str, Any]) -> Part:
    return ("live", GOOD) if one["live"] else (one["state"], STATE_STYLES.get(one["state"], QUIET))


def diff(found: dict[str, Any]) -> None:
    paper.line((f"{found['index']}, from release {found['from']} to release {found['to']}", STRONG))
    if found["generation_changed"]:
        paper.prose("The two were built under different configurations; every row was made anew.")
    for one in found["documents"]:
        _document(one["change"], one["source"], one["key"], _chunks(one))
        if one.get("reason"):
            paper.prose((str(one["reason"]), QUIET), indent=4)
    if not found["documents"]:
        paper.line("  No document differs.")
    before, after = found["chunks"]["from"], found["chunks"]["to"]
    paper.line("  ", (f"{wording.count(before, 'chunk')} before, {after:,} after", QUIET))


def _chunks(one: dict[str, Any]) -> str:
    before, after = one["chunks"]
    match one["change"]:
        case "added":
            return wording.count(after, "chunk")
        case "removed":
            return f"had {wording.count(before, 'chunk')}"
        case "quarantined":
            return "not served"
        case _:
            return wording.count(after, "chunk") + (f", had {before:,}" if before != after else "")


def _document(change: str, source: str, key: str | None, note: str = "") -> None:
    mark, style = MARKS.get(change, ("?", QUIET))
    paper.line(
        "  ", (mark, style), f" {source}:{key or '(erased)'}  ", (f"{change}{', ' if note else ''}{note}", QUIET)
    )


def plan(found: dict[str, Any]) -> None:
    index, base = found["index"], found["base"]
    moving = any(found[name] for name in ("new", "changed", "removed")) or bool(found["documents"])
    stands = f"release {base}" if base else "nothing: this is the first release"
    if moving:
        paper.line((f"A sync of {index} would stage a release on {stands}", STRONG))
    else:
        paper.line((f"A sync of {index} would stage nothing; it stands on {stands}", STRONG))
    sources(found["sources"])
    names = ("new", "changed", "removed", "unchanged", "quarantined", "deferred", "erased")
    table: list[tuple[Part, Part]] = [(("documents", QUIET), wording.listed({name: found[name] for name in names}))]
    new_texts = f"{found['texts']:,} distinct in what changed"
    cost = f"{found['texts_to_embed']:,} to embed, {wording.count(found['tokens_to_embed'], 'token')}"
    table.append((("texts", QUIET), f"{new_texts}: {cost}" if found["texts"] else "none to embed"))
    if found["cost"] and found["texts_to_embed"]:
        table.append((("price", QUIET), _price(found["cost"], found["tokens_to_embed"])))
    if found["access_changed"]:
        table.append((("access", QUIET), f"{wording.count(found['access_changed'], 'document')} with other readers"))
    paper.rows(table)
    for one in found["documents"]:
        _document(one["change"], one["source"], one["key"])
    if (more := found["new"] + found["changed"] + found["removed"] - len(found["documents"])) > 0:
        paper.line("  ", (f"… and {more:,} more", QUIET))
    if found["waiting"]:
        paper.prose((f"Release {found['waiting']} waits for a decision; a newer one would supersede it.", WARN))
    reindex_hint(index, found["reindex_would_change"])


def _price(cost: dict[str, Any], tokens: int) -> str:
    exact = "" if cost["counted_by"] else "about "
    counted = "" if cost["counted_by"] else "; tokens are estimated, on the high side"
    if cost["price"] is None:
        words = f"unknown: name {cost['model']} in prices.per_million_tokens"
    else:
        words = f"{exact}{cost['price']:,.4f} {cost['currency']} to {cost['model']}"
    budget = cost["budget_tokens"]
    if budget is not None and tokens > budget:
        counted += f"; more than the budget of a run, {wording.count(budget, 'token')}: it takes several"
    return words + counted


def reindex_hint(index: str, changes: list[str]) -> None:
    """Print what the configuration says and the live rows do not follow yet."""
    if changes:
        paper.prose(("Only a reindex applies what the configuration says now:", WARN))
        for one in changes:
            paper.prose(str(one), indent=4)
        paper.hint("next", f"penstock reindex {index}")


def moved(found: dict[str, Any]) -> None:
    message = str(found["message"])
    paper.prose((message[:1].upper() + message[1:] + ".", STRONG), indent=0)
    if found["before"] != found["live"]:
        before = f"release {found['before']}" if found["before"] else "nothing"
        paper.line(
            (f"Before, {before} was live. ", QUIET), ("Who decided what: ", QUIET), paper.command("penstock log")
        )
