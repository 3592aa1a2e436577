"""An answer for people: its claims, the quotes that they rest on with their places, and what was left out."""

from __future__ import annotations

from typing import Any

from penstock.answers.base import BESIDE
from penstock.answers.results import NO_SOURCE
from penstock.display import paper
from penstock.display.paper import BAD, QUIET, STRONG, WARN
from penstock.display.search import body, exact_place, excerpt, headline, path, recorded, timings
from penstock.wording import count, listed

NEAREST = 3


def answered(answer: dict[str, Any]) -> None:
    """Print the claims with the numbers of their quotes, then these; of a refused question the nearest passages."""
    headline(answer, answer["question"])
    paper.blank()
    if answer["refused"]:
        _refused(answer)
    for claim in answer["claims"]:
        marks = "".join(f"[{number}]" for number in claim["quotes"])
        paper.prose(claim["text"], " ", (NO_SOURCE, WARN) if claim["unsupported"] else (marks, QUIET))
    for quote in answer["quotes"]:
        paper.blank()
        paper.line((f"{quote['number']:>2}  ", STRONG), (path(quote), STRONG))
        paper.prose(f"“{' '.join(quote['text'].split())}”", indent=4)
        exact_place(quote)
    _left_out(answer)
    recorded(answer)


def answer_explained(answer: dict[str, Any]) -> None:
    """The same, then what each stage took and said."""
    answered(answer)
    paper.blank()
    timings(answer["stages"])


def _refused(answer: dict[str, Any]) -> None:
    sure = f"confidence {answer['confidence']:.2f}, {answer['needed']:g} is needed"
    paper.prose(("Not in the index, as far as one can tell: ", WARN), f"{answer['reason']} ({sure}).")
    if not answer["passages"]:
        wider = ", widen --where" if answer["where"] else ""
        paper.prose(f"Name who is asking with --principal{wider}, or ask otherwise.")
    for number, passage in enumerate(answer["passages"][:NEAREST], 1):
        paper.blank()
        paper.line(("near  " if number == 1 else "      ", QUIET), (path(passage), STRONG))
        paper.prose(excerpt(body(passage), answer["question"]), indent=6)
        exact_place(passage)


def _left_out(answer: dict[str, Any]) -> None:
    if answer["dropped"]:
        paper.blank()
        what = ("quote or sentence", "quotes and sentences") if BESIDE in answer["dropped"] else ("quote",)
        left_out = count(sum(answer["dropped"].values()), *what)
        paper.prose((f"{left_out} left out: ", WARN), listed(answer["dropped"]))
    if answer["broken_off"]:
        paper.blank()
        paper.prose(("The answer broke off: ", BAD), answer["broken_off"])
