"""What a question found: the hits with the places to cite, and how the stages of the search came to them."""

from __future__ import annotations

import re
from typing import Any

from rich.text import Text

from penstock.display import paper
from penstock.display.paper import GOOD, QUIET, STRONG, WARN, Part
from penstock.words import SMALL_WORDS

EXCERPT_CHARS = 280
MAX_QUESTION_CHARS = 200


def found(answer: dict[str, Any]) -> None:
    """Print numbered hits: where each stands, an excerpt with the question's words set off, and what to cite."""
    headline(answer, answer["query"])
    if not answer["hits"]:
        filtered = answer.get("setup", {}).get("where")
        under, wider = (" under this filter", ", widen --where") if filtered else ("", "")
        said = f"Nothing found{under} that this reader may see."
        paper.prose(f"{said} Name who is asking with --principal{wider}, or ask otherwise.")
    for number, hit in enumerate(answer["hits"], 1):
        paper.blank()
        _hit(number, hit, answer["query"])
    recorded(answer)


def recorded(answer: dict[str, Any]) -> None:
    """The id to say something of it with, where it was to be kept."""
    if "interaction" in answer:
        paper.blank()
        not_kept = ("not kept: the catalog could not take it", WARN)
        paper.line(("interaction ", QUIET), answer["interaction"] or not_kept)


def explained(answer: dict[str, Any]) -> None:
    """The same, then each hit's place after each stage, that of what fell out on the way, and what each stage took."""
    found(answer)
    paper.blank()
    stages = answer["stages"]
    ranked = [stage for stage in stages if stage["chunks"]]
    names = {hit["chunk_id"]: f"{hit['source']}:{hit['key']}" for hit in answer["hits"]}
    for hit in answer["hits"]:
        names |= {one["chunk_id"]: f"as good as {names[hit['chunk_id']]}" for one in hit["also"]}
    # what a stage had among its best, and a later one did not keep
    lost = dict.fromkeys(id_ for stage in ranked for id_ in stage["chunks"][: len(answer["hits"])] if id_ not in names)
    places = [{id_: str(place) for place, id_ in enumerate(stage["chunks"], 1)} for stage in ranked]
    table: list[tuple[Part, ...]] = [(*((str(stage["name"]), QUIET) for stage in ranked), ("chunk", QUIET), "")]
    table += [
        (*(place.get(id_, "–") for place in places), id_[:8], names.get(id_, ("not shown", QUIET)))
        for id_ in (*names, *lost)
    ]
    paper.rows(table, right=range(len(ranked)))
    paper.blank()
    timings(stages)


def timings(stages: list[dict[str, Any]]) -> None:
    """What each stage took, and what it has to say."""
    timed = [stage for stage in stages if stage["note"] or not stage["chunks"]]
    paper.rows([(str(stage["name"]), f"{stage['ms']:.1f} ms", (stage["note"], QUIET)) for stage in timed], right=(1,))


def headline(answer: dict[str, Any], asked: str) -> None:
    """The head of what is printed: what was asked, and of which release."""
    paper.line(
        (paper.shortened(asked, MAX_QUESTION_CHARS), STRONG),
        (f"   {answer['index']}, release {answer['release']}", QUIET),
    )


def path(place: dict[str, Any]) -> str:
    """Title and headings of a place in a document, each once."""
    return " › ".join(dict.fromkeys(part for part in (place["title"] or place["key"], *place["headings"]) if part))


def body(place: dict[str, Any]) -> str:
    """The text of a place without the title and headings that it begins with: ``path`` has said them."""
    text: str = place["text"]
    for heading in dict.fromkeys((place["title"], *place["headings"])):
        line, _, rest = text.partition("\n")
        if rest.strip() and " ".join(line.split()) == heading:
            text = rest.lstrip()
    return text


def exact_place(place: dict[str, Any]) -> None:
    """What to cite: document, revision, page, and the span of characters."""
    page = f"  page {place['page']}" if place["page"] is not None else ""
    where = f"rev {place['revision'][:12]}…{page}  chars {place['start']}–{place['end']}"
    paper.line("    ", (f"{place['source']}:{place['key']}", GOOD), "  ", where)


def _hit(number: int, hit: dict[str, Any], question: str) -> None:
    paper.line((f"{number:>2}  ", STRONG), (path(hit), STRONG), (f"   {hit['score']:.3f}", QUIET))
    words = Text(paper.safe(excerpt(body(hit), question)))
    if sought := sought_words(question):
        words.highlight_regex(sought, "bold cyan")
    paper.prose(words, indent=4)
    exact_place(hit)
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
