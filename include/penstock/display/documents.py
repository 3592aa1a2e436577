"""Documents: found by a question, looked at before they are kept, explained, and waiting in quarantine."""

from __future__ import annotations

import re
from typing import Any

from rich.text import Text

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN

EXCERPT_CHARS = 280
MAX_QUESTION_CHARS = 200
_SMALL = """a about an and any are as at be been but by can did do does for from had has have how i if in is it its may
me my not of on or our shall should so than that the their them then there these they this to us was we were what when
where which who whom whose why will with would you your"""
SMALL_WORDS = frozenset(_SMALL.split())


def answer(found: dict[str, Any]) -> None:
    """Print numbered hits: where each stands, an excerpt with the question's words set off, and what to cite."""
    paper.line(
        (_shortened(found["query"], MAX_QUESTION_CHARS), STRONG),
        (f"   {found['index']}, release {found['release']}", QUIET),
    )
    if not found["hits"]:
        paper.prose("Nothing found that this reader may see. Name who is asking with --principal, or ask otherwise.")
    for number, hit in enumerate(found["hits"], 1):
        paper.blank()
        _hit(number, hit, found["query"])


def _hit(number: int, hit: dict[str, Any], question: str) -> None:
    path = [part for part in (hit["title"] or hit["key"], *hit["headings"]) if part]
    steps = [part for at, part in enumerate(path) if part not in path[:at]]
    paper.line((f"{number:>2}  ", STRONG), (" › ".join(steps), STRONG), (f"   {hit['score']:.3f}", QUIET))
    body = hit["text"]
    if hit["headings"]:
        body = body.removeprefix(hit["headings"][-1]).lstrip() or body
    words = Text(paper.safe(excerpt(body, question)))
    if sought := sought_words(question):
        words.highlight_regex(sought, "bold cyan")
    paper.prose(words, indent=4)
    page = f"  page {hit['page']}" if hit["page"] is not None else ""
    place = f"rev {hit['revision'][:12]}…{page}  chars {hit['start']}–{hit['end']}"
    paper.line("    ", (f"{hit['source']}:{hit['key']}", GOOD), "  ", place)
    if url := hit.get("fields", {}).get("url"):
        paper.line("    ", url)
    paper.line("    ", ("chunk ", QUIET), hit["chunk_id"])


def sought_words(question: str) -> re.Pattern[str] | None:
    """A pattern of the question's words that carry meaning, with short endings allowed."""
    words = [word for word in re.findall(r"\w+", question.casefold()) if word not in SMALL_WORDS]
    if not words:
        return None
    return re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\w{0,3}\b", re.I)


def excerpt(text: str, question: str, max_chars: int = EXCERPT_CHARS) -> str:
    """The part of a text that holds most of the question's words, on one line, with … where it was cut."""
    flat = " ".join(text.split())
    if len(flat) <= max_chars:
        return flat
    sought = sought_words(question)
    matches = [(match.start(), match.group().casefold()[:4]) for match in sought.finditer(flat)] if sought else []
    sentences = [match.end() for match in re.finditer(r"[.!?…]\s+", flat)]
    starts = [0, *sentences, *(flat.find(" ", max(0, at - 60)) + 1 for at, _ in matches if at > 60)]

    def worth(start: int) -> tuple[int, bool, int]:
        held = {word for at, word in matches if start <= at < start + max_chars - 20}
        return len(held), start == 0 or start in sentences, -start

    start = max(starts, key=worth)
    piece = flat[start:]
    if len(piece) > max_chars:
        piece = piece[:max_chars].rsplit(" ", 1)[0] + " …"
    return ("… " if start else "") + piece


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
        paper.rows([((element["kind"], QUIET), _shortened(element["text"], width)) for element in one["elements"]])
        if (more := one["n_elements"] - len(one["elements"])) > 0:
            paper.line("  ", (f"… and {more:,} more", QUIET))
        for name in one.get("attachments", ()):
            paper.line("  attached: ", str(name))


def _shortened(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


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
