"""From the figures of a search to a chance: what raises it, and which coefficients count for whom."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from penstock.answers.confidence import confidence, figures_of
from penstock.embedding import embedder_fingerprint
from penstock.retrieval import Citation, Found, Passage, Setup
from penstock.settings import EmbedderSettings

QUESTION = "What is a week of river watch paid?"
RIGHT = "A week of river watch is paid £240."
WRONG = "Eels swim past the weir in the autumn."
DEFAULT = embedder_fingerprint(EmbedderSettings())


def found(*texts: str, cosines: tuple[float, ...] | None = None) -> Found:
    """What a search found: one passage a text, and a hit for each with its cosine."""
    given = cosines if cosines is not None else (0.5,) * len(texts)
    scores = [{"vector": cosine} for cosine in given] or [{} for _ in texts]
    places = [(f"d{nth}", "docs", f"{nth}.md", "T", (), None, "r") for nth in range(len(texts))]
    hits = tuple(
        Citation("c", 1.0, text, *place[1:6], place[6], 0, len(text), place[0], {}, score, ())
        for text, place, score in zip(texts, places, scores, strict=True)
    )
    passages = tuple(Passage(*place, 0, len(text), text, ("c",)) for text, place in zip(texts, places, strict=True))
    return Found("main", 1, QUESTION, hits, passages, (), (), Setup("hybrid", "0" * 16, "1" * 16))


def test_the_figures_are_worked_out_from_the_search() -> None:
    figures = figures_of(QUESTION, found(WRONG, RIGHT, WRONG, cosines=(0.2, 0.8, 0.2)))
    assert figures == pytest.approx({"cosine": 0.8, "lead": 0.4, "covered": 1.0, "together": 1.0})
    assert figures_of(QUESTION, found(WRONG, cosines=())) == {"covered": 0.0, "together": 0.0}


@pytest.mark.parametrize("embedder", [DEFAULT, "another one"])
def test_what_holds_the_words_is_likelier_than_what_does_not(embedder: str) -> None:
    assert confidence(QUESTION, found(RIGHT, WRONG), embedder) > confidence(QUESTION, found(WRONG, WRONG), embedder)


def test_cosines_count_for_the_embedder_that_they_were_fitted_with() -> None:
    near, far = found(RIGHT, WRONG, cosines=(0.9, 0.1)), found(RIGHT, WRONG, cosines=(0.2, 0.1))
    assert confidence(QUESTION, near, DEFAULT) > confidence(QUESTION, far, DEFAULT) + 0.2
    assert confidence(QUESTION, near, "another one") == confidence(QUESTION, far, "another one")
    # a search by text alone, and a store that does not tell its scores
    words_alone = confidence(QUESTION, found(RIGHT, WRONG, cosines=()), DEFAULT)
    assert words_alone == confidence(QUESTION, near, "another one")


def test_nothing_found_is_no_chance() -> None:
    assert confidence(QUESTION, found(), DEFAULT) == 0.0


def test_the_coefficients_say_where_they_come_from_and_fit_every_search() -> None:
    written = json.loads(files("penstock.answers").joinpath("calibration.json").read_text(encoding="utf-8"))
    assert {"by", "on", "at", "with"} < written.keys()
    first, last = written["models"]
    assert first["embedder"] == DEFAULT, "the default embedder changed: fit the confidence anew"
    assert last["embedder"] is None
    assert set(last["weights"]) <= {"covered", "together"}
    assert all(weight > 0 for model in written["models"] for weight in model["weights"].values())
