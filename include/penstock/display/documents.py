"""Documents: looked at before they are kept, explained, and waiting in quarantine."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN


def previews(found: list[dict[str, Any]]) -> None:
    """Print how documents would be understood: their kind, their title and their first elements."""
    if not found:
        paper.line("The source lists nothing. Check its path or prefix, and its include and exclude rules.")
    width = min(paper.console().width, paper.MAX_PROSE_WIDTH) - 14
    for number, one in enumerate(found):
        if number:
            paper.blank()
        paper.line((str(one["key"]), STRONG), (f"   {wording.size(one['size_bytes'])}", QUIET))
        if one["refusal"]:
            _refusal(one["refusal"])
            continue
        made = f"{one['media_type']} by {one['parser']}: {wording.count(one['n_elements'], 'element')}, "
        paper.line("  ", (made + wording.count(one["chars"], "character"), QUIET))
        if one.get("principals"):
            paper.line("  readers: ", ", ".join(one["principals"]))
        paper.rows([((element["kind"], QUIET), paper.shortened(element["text"], width)) for element in one["elements"]])
        if (more := one["n_elements"] - len(one["elements"])) > 0:
            paper.line("  ", (f"… and {more:,} more", QUIET))
        for name in one.get("attachments", ()):
            paper.line("  attached: ", str(name))


def _refusal(refusal: dict[str, Any]) -> None:
    paper.prose((f"{refusal['reason']}: ", BAD), str(refusal["detail"]))
    if refusal.get("remedy"):
        paper.prose(("remedy: ", QUIET), str(refusal["remedy"]))


def explanation(found: dict[str, Any]) -> None:
    paper.line((f"{found['source']}:{found['key']}", STRONG))
    for verdict in found["verdict"]:
        paper.prose((verdict, GOOD if verdict.startswith("Served") else WARN))
    if found["history"]:
        paper.blank()
        paper.line("  ", ("history", QUIET))
        for sentence in found["history"]:
            paper.prose(sentence, indent=4)
    paper.blank()
    paper.rows(
        [
            (("document", QUIET), found["document_id"]),
            *((("revision", QUIET), revision) for revision in found["revisions"]),
        ]
    )


def quarantine(found: list[dict[str, Any]]) -> None:
    """Print what waits, why, and what to do about it."""
    if not found:
        paper.line("Nothing is in quarantine.")
        return
    for one in found:
        served = ("  an older state is still served", QUIET) if one["still_served"] else ("  not served", QUIET)
        paper.line((f"{one['source']}:{one['key']}", STRONG), served)
        _refusal(one)
        paper.line("  ", (f"{one['index']}, since release {one['since_release']}, run {one['run']}", QUIET))
    paper.blank()
    paper.prose(
        wording.count(len(found), "document"),
        " in quarantine. Each is tried again when its bytes or its parser change, or by ",
        paper.command("penstock quarantine retry"),
        ".",
    )


def retried(found: dict[str, Any]) -> None:
    number = found["to_retry"]
    if number:
        paper.line(
            f"{wording.count(number, 'document')} will be tried again by the next ", paper.command("penstock sync")
        )
    else:
        paper.line(
            "Nothing more to try again: what is in quarantine, if anything, is marked for the next sync already."
        )
