"""Invariant 10 on training sets: frozen, split for ever, no leak; and invariant 12: what is erased is in none."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from penstock import decisions, erasure, feedback, interactions, maintenance, trained
from penstock.catalog.schema import training_sets
from penstock.cli import app
from penstock.errors import RefusedError, StoreError, TransientError, UnknownNameError, UsageError
from penstock.feedback import Kind, Said
from penstock.ids import document_id
from penstock.interaction_settings import FeedbackSettings
from penstock.interactions import Answered, Asker, forgetting
from penstock.lake import AlteredObjectError
from penstock.lake import Kind as LakeKind
from penstock.lake_errors import MissingObjectError
from penstock.progress import Progress
from penstock.promotion_settings import GuardSettings
from penstock.purposes import Purpose
from penstock.retrieval import search
from penstock.trained import Training
from penstock.training import dropping, exporting, remembering, sets
from penstock.training.building import Options, build
from penstock.training.counting import count
from penstock.training.erasing import sweep_strays
from penstock.training.examples import EmbedderExample, GeneratorExample, RerankerExample
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split
from penstock.training_settings import TrainingSettings
from penstock.triage import triage
from penstock.tuning.running import check_set, require_unchanged, train
from support.traces import in_catalog, in_files
from support.workspace import WHO, Workspace

DEPOTS = {
    "Ardmore": "anchors",
    "Birk": "barrels",
    "Colne": "candles",
    "Dunham": "drums",
    "Eskdale": "easels",
    "Fenwick": "flutes",
    "Garth": "globes",
    "Hollin": "hammers",
    "Irton": "inks",
    "Jarrow": "jars",
    "Keld": "kettles",
    "Lorton": "lamps",
}
TOWNS, GOODS = list(DEPOTS), list(DEPOTS.values())
PEOPLE = ["ada", "ben", "cy", "dot", "eve", "fay"]
EASY = TrainingSettings(min_examples=5, max_share_per_person=0.34)


def key(town: str) -> str:
    return f"{town.lower()}.md"


def question(nth: int) -> str:
    return f"who keeps {GOODS[nth]} and opens near {TOWNS[nth]}"


@pytest.fixture
def w(make_workspace: Callable[..., Workspace]) -> Workspace:
    made = make_workspace()
    for town, goods in DEPOTS.items():
        made.write(key(town), f"# Depot\n\nThe depot of {town} keeps {goods} for sale. It opens on Mondays.\n")
    made.change_index(training=EASY)
    made.fix_splits()
    made.sync()
    return made


def ask(w: Workspace, text: str, who: str, **options: Any) -> str:
    answer = options.pop("answer", None)
    return interactions.record(w.platform, search(w.platform, "main", text), Asker((), who, **options), answer)


def say(w: Workspace, interaction: str, who: str, kind: Kind, **what: Any) -> None:
    feedback.give(w.platform, interaction, Said(kind, **what), Asker((), who))


def liked(w: Workspace, text: str, who: str, town: str, **options: Any) -> str:
    id_ = ask(w, text, who, **options)
    say(w, id_, who, Kind.RIGHT_PASSAGE, passage=key(town))
    return id_


def log(w: Workspace, people: list[str] = PEOPLE) -> None:
    """Each town is asked for by somebody, and the right document named."""
    for nth, town in enumerate(TOWNS):
        liked(w, question(nth), people[nth % len(people)], town)


def embedder_set(w: Workspace, **options: Any) -> TrainingSet:
    return build(w.platform, "main", Purpose.EMBEDDER, Options(**options))


def examples(found: TrainingSet) -> dict[str, EmbedderExample]:
    return {one.query: one for one in found.examples if isinstance(one, EmbedderExample)}


def test_a_named_document_is_the_positive_and_what_is_like_the_question_the_negatives(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    one = examples(made)[question(0)]
    assert one.positive == "Depot\n\nThe depot of Ardmore keeps anchors for sale. It opens on Mondays."
    assert (one.weight, one.source, one.release) == (1.0, "docs", 1)
    assert one.relevant == {document_id("docs", "ardmore.md"): 2}
    assert one.documents[0] == document_id("docs", "ardmore.md")
    assert len(one.negatives) == 4
    assert not any("Ardmore" in text for text in one.negatives)
    assert made.card["splits"] == {str(split): len(made.of(split)) for split in Split}
    assert (len(made.examples), made.card["groups"], made.card["people"]) == (12, 12, 6)


def test_the_same_state_gives_the_same_set_and_later_sets_keep_every_split(w: Workspace) -> None:
    log(w, PEOPLE)
    first = embedder_set(w)
    assert embedder_set(w).id == first.id
    liked(w, "where do they sell anchors by the sea", "ben", "Ardmore")
    second = embedder_set(w)
    before, after = examples(first), examples(second)
    assert second.id != first.id
    assert {one.split for name, one in after.items() if name in before and one.split is not before[name].split} == set()
    assert after["where do they sell anchors by the sea"].split is before[question(0)].split
    assert [row["id"] for row in sets.listed(w.platform, "main")] == [second.id, first.id]


def with_headings(w: Workspace, count: int) -> None:
    """Each depot has a section of its own besides."""
    for nth, (town, goods) in enumerate(DEPOTS.items()):
        w.write(
            key(town),
            f"# Depot\n\nThe depot of {town} keeps {goods} for sale. It opens on Mondays.\n\n"
            f"## Who owns the yard of {town}?\n\nThe {goods} of {town} belong to {nth} sisters.\n",
        )
    w.change_index(training=EASY.model_copy(update={"headings": count}))
    w.sync()


def headings_of(found: TrainingSet) -> list[EmbedderExample]:
    return [one for one in found.examples if isinstance(one, EmbedderExample) and not one.asked]


def test_a_set_that_is_built_again_is_the_newest(w: Workspace) -> None:
    """One look at a part of the log stood before the whole one ever after: `train` and the gate took the part."""
    log(w)
    noon = datetime.now(UTC)
    for nth, who in enumerate(PEOPLE):
        liked(w, f"{question(nth)} these days", who, TOWNS[nth])
    whole, part = embedder_set(w), embedder_set(w, since=noon)
    assert part.id != whole.id
    assert sets.latest(w.platform, "main", Purpose.EMBEDDER).id == part.id
    assert embedder_set(w).id == whole.id
    assert sets.latest(w.platform, "main", Purpose.EMBEDDER).id == whole.id
    assert [one["id"] for one in sets.listed(w.platform, "main")] == [whole.id, part.id]


def test_sections_are_asked_for_by_their_headings_but_not_those_that_answer_what_is_held_back(w: Workspace) -> None:
    with_headings(w, 100)
    log(w)
    made = embedder_set(w)
    found = {one.query: one for one in headings_of(made)}
    asked = examples(made)
    trained_on = {town for nth, town in enumerate(TOWNS) if asked[question(nth)].split is Split.TRAIN}
    assert 0 < len(trained_on) < len(TOWNS)
    assert set(found) == {f"Who owns the yard of {town}?" for town in trained_on}  # "Depot" alone asks for nothing
    town = min(trained_on)
    one = found[f"Who owns the yard of {town}?"]
    assert one.positive == f"The {DEPOTS[town]} of {town} belong to {TOWNS.index(town)} sisters."
    assert (one.documents, one.interactions, one.split) == ((document_id("docs", key(town)),), (), Split.TRAIN)
    assert made.card["kinds"] == {"heading": len(found), "said": 12}
    assert (made.card["questions"], made.card["groups"]) == (12, 12)
    assert embedder_set(w).id == made.id, "no heading is remembered as a question"


def test_headings_are_as_many_as_asked_for_and_make_no_set_ready(w: Workspace) -> None:
    with_headings(w, 3)
    log(w)
    assert len(headings_of(embedder_set(w))) == 3
    w.change_index(training=EASY.model_copy(update={"headings": 3, "min_examples": 13}))
    made = embedder_set(w)
    assert made.card["wanting"] == ["12 examples, and it takes 13 (training.min_examples)"]
    with pytest.raises(RefusedError, match=r"holds 12 examples, and 13 are asked for"):
        check_set(made, Purpose.EMBEDDER, 13)


def test_a_heading_stays_out_that_nearly_asks_what_is_judged_or_whose_document_is_not_for_all(
    w: Workspace, tmp_path: Path
) -> None:
    with_headings(w, 100)
    log(w)
    found = sorted(one.query for one in headings_of(embedder_set(w)))
    judged, hidden = found[0], found[1].removeprefix("Who owns the yard of ").rstrip("?")
    made = embedder_set(w, guards=(golden(tmp_path / "guard.jsonl", judged.upper()),))
    assert sorted(one.query for one in headings_of(made)) == found[1:]
    assert made.card["left_out"]["headings that models are judged by"] == 1
    w.allow(key(hidden), ["group:board"])
    w.sync()
    assert sorted(one.query for one in headings_of(embedder_set(w))) == [found[0], *found[2:]]


def test_erasing_a_document_takes_its_headings_out(w: Workspace) -> None:
    with_headings(w, 100)
    log(w)
    made = embedder_set(w)
    one = headings_of(made)[0]
    assert one.positive not in {text for each in examples(made).values() for text in each.negatives}
    town = next(town for town in TOWNS if document_id("docs", key(town)) == one.documents[0])
    erasure.erase(w.platform, "docs", key(town), WHO, "by order")
    left = sets.load(w.platform, "main", made.id)
    assert one.query not in {each.query for each in headings_of(left)}
    assert len(headings_of(left)) == len(headings_of(made)) - 1


def test_a_passage_that_is_rated_bad_is_the_first_negative(w: Workspace) -> None:
    log(w)
    id_ = ask(w, question(0), "dot")
    found = search(w.platform, "main", question(0))
    bad = next(hit for hit in found.hits if hit.key == key("Lorton"))
    say(w, id_, "dot", Kind.RATING, value=-1.0, passage=bad.chunk_id)
    assert "Lorton" in examples(embedder_set(w))[question(0)].negatives[0]


def test_votes_that_contradict_one_another_make_no_example_and_what_was_copied_counts_less(w: Workspace) -> None:
    log(w)
    id_ = ask(w, question(0), "dot")
    found = search(w.platform, "main", question(0))
    chunk = next(hit.chunk_id for hit in found.hits if hit.key == key("Ardmore"))
    say(w, id_, "dot", Kind.RATING, value=-1.0, passage=chunk)
    other = ask(w, "which goods are to be had at Birk", "cy")
    hit = next(
        one for one in search(w.platform, "main", "which goods are to be had at Birk").hits if one.key == "birk.md"
    )
    say(w, other, "cy", Kind.COPIED, passage=hit.chunk_id)
    made = embedder_set(w)
    assert question(0) not in examples(made)
    assert made.card["left_out"]["documents judged right as often as wrong"] == 1
    assert examples(made)["which goods are to be had at Birk"].weight == 0.3
    assert made.card["kinds"] == {"implicit": 1, "said": 11}


# who may teach


def test_one_person_teaches_nothing_alone(w: Workspace) -> None:
    log(w, ["ada"])
    with pytest.raises(RefusedError) as refused:
        embedder_set(w)
    assert str(refused.value) == (
        "1 person said all that there is to learn from, and none may have said more than 34% of it; collect feedback "
        "from others, or raise training.max_share_per_person (to 1)"
    )
    w.change_index(training=EASY.model_copy(update={"max_share_per_person": 1.0}))
    assert embedder_set(w).card["largest_share"] == 1.0


def test_whoever_fills_the_log_is_cut_down_to_their_share(w: Workspace) -> None:
    log(w)
    for nth in range(20):
        liked(w, f"tell me number {nth * 37} about flutes {nth}", "mallory", "Lorton")
    card = embedder_set(w).card
    assert card["largest_share"] <= 0.34
    assert card["left_out"]["said by a person beyond their share"] > 10


def test_a_key_with_a_fifth_of_the_votes_all_wrong_is_not_heard(w: Workspace) -> None:
    for nth, town in enumerate(TOWNS):
        for who in PEOPLE[:4]:
            liked(w, question(nth), who, town)
    for nth in range(len(TOWNS)):
        wrong = search(w.platform, "main", question(nth)).hits
        right = next(hit.chunk_id for hit in wrong if hit.key == key(TOWNS[nth]))
        say(w, ask(w, question(nth), "mallory"), "mallory", Kind.RATING, value=-1.0, passage=right)
    made = embedder_set(w)
    assert len(made.examples) == 12
    assert made.card["left_out"]["said by somebody who contradicts the others"] == 12
    assert made.card["people"] == 4


def test_a_key_that_names_a_crowd_of_people_is_not_heard_either(w: Workspace) -> None:
    """Three for each question, each of them new: more than the honest one, and none with votes enough to be judged."""
    for nth, town in enumerate(TOWNS):
        liked(w, question(nth), PEOPLE[nth % 5], town)
    for nth in range(4):
        for number in range(3):
            somebody = Asker((), f"crowd {nth}-{number}", owner="key")
            found = search(w.platform, "main", question(nth))
            id_ = interactions.record(w.platform, found, somebody)
            right = next(hit.chunk_id for hit in found.hits if hit.key == key(TOWNS[nth]))
            feedback.give(w.platform, id_, Said(Kind.RATING, value=-1.0, passage=right), somebody)
    made = embedder_set(w)
    assert len(made.examples) == 12
    assert made.card["left_out"]["said by somebody who contradicts the others"] == 12


def test_a_few_false_votes_do_not_weld_a_log_into_one_group(w: Workspace) -> None:
    """Each names as right what is right for another question, so that all documents hang together in a ring."""
    words = ["weights", "ropes", "nails", "tiles"]
    for nth, town in enumerate(TOWNS):
        for number, word in enumerate(words):
            liked(w, f"{word} {nth * 37} of {town} {nth * 91 + number}", PEOPLE[(nth + number) % 5], town)
    for nth, town in enumerate(TOWNS):
        liked(w, f"{words[0]} {nth * 37} of {town} {nth * 91}", "mallory", TOWNS[nth - 1])
    made = embedder_set(w)
    assert len(made.examples) == 60
    sizes = Counter(group for _question, group in {(one.question, one.group) for one in made.examples})
    assert len(sizes) == 12
    assert max(sizes.values()) <= 7, "four of its own, and those that were called right for it too"


# what must not be learned


def golden(path: Path, *texts: str) -> Path:
    path.write_text(
        "".join(json.dumps({"id": f"g{n}", "question": text, "keys": []}) + "\n" for n, text in enumerate(texts))
    )
    return path


def test_a_set_that_would_teach_a_question_of_an_evaluation_is_refused_with_the_offenders(w: Workspace) -> None:
    log(w)
    asked = {one.query: one for one in embedder_set(w).examples if one.split is Split.TRAIN}
    text = sorted(asked)[0]
    guard = golden(w.root / "guard.jsonl", text.upper(), "something else entirely")
    with pytest.raises(RefusedError) as refused:
        embedder_set(w, guards=(guard,))
    assert str(refused.value) == (
        "models are judged by 1 of the questions to train on; leave them out with --drop-leaks, or "
        f"take them out of the evaluation:\n  interaction {asked[text].interactions[0]} asks guard: g0: "
        f"{text.upper()!r}"
    )
    without = embedder_set(w, guards=(guard,), drop_leaks=True)
    assert text not in examples(without)
    assert without.card["left_out"]["questions that models are judged by"] == 1
    assert without.card["guards"] == ["guard"]


def test_the_guards_of_the_gate_are_not_learned_either(w: Workspace) -> None:
    log(w)
    text = sorted(one.query for one in embedder_set(w).examples if one.split is Split.TRAIN)[0]
    folder = w.root / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": text.upper()}) + "\n")
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "title": "", "text": "far away"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    gate = EASY.gate.model_copy(update={"guards": {"far": GuardSettings(path=folder)}})
    w.change_index(training=EASY.model_copy(update={"gate": gate}))
    with pytest.raises(RefusedError, match="models are judged by 1 of the questions to train on"):
        embedder_set(w)
    without = embedder_set(w, drop_leaks=True)
    assert text not in examples(without)
    assert without.card["left_out"]["questions that models are judged by"] == 1


def test_a_document_that_not_all_of_the_audience_may_read_stays_out_and_so_does_what_quotes_it(w: Workspace) -> None:
    log(w)
    w.allow(key("Ardmore"), ["group:hr"])
    w.sync()
    liked(w, "is it true that 'The depot of Ardmore keeps anchors for sale' or not", "eve", "Birk")
    made = embedder_set(w)
    told = json.dumps(sets.shown(made, 100))
    assert "anchors" not in told
    assert made.card["left_out"]["questions answered by what not all of the audience may read"] == 1
    assert made.card["left_out"]["questions that quote what not all of the audience may read"] == 1
    w.change_index(training=EASY.model_copy(update={"audience": ("group:hr",)}))
    assert question(0) in examples(embedder_set(w))


def test_a_set_teaches_no_document_that_was_kept_from_some_of_the_audience_since(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    w.allow(key("Ardmore"), ["group:hr"])
    w.sync()
    with pytest.raises(RefusedError) as refused:
        train(w.platform, "main", Purpose.EMBEDDER)
    assert str(refused.value) == (
        f"training set {made.id} holds 1 document that not all of the audience may read any more; run `penstock "
        "trainset build main --for embedder`, which leaves out what it must"
    )


@pytest.mark.long
def test_personal_data_is_taken_out_where_the_settings_ask_for_it(
    w: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("presidio_analyzer")
    log(w)
    liked(w, "I am ana@example.org, +44 20 7946 0958: who keeps lamps", "ada", "Lorton")
    w.change_index(training=EASY.model_copy(update={"redact": True}))
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    made = embedder_set(w)
    assert "I am <EMAIL_ADDRESS>, <PHONE_NUMBER>: who keeps lamps" in examples(made)
    assert made.card["redacted"] is True


def _no_network(*_: object) -> None:
    raise AssertionError("something asked the network")


def test_without_anything_judged_there_is_no_set(w: Workspace) -> None:
    with pytest.raises(
        RefusedError, match=r"^nothing that was said of 'main' makes an example to tune a model on; collect "
    ):
        embedder_set(w)


def test_where_everything_is_contradicted_the_refusal_says_so(w: Workspace) -> None:
    for nth, town in enumerate(TOWNS[:6]):
        for who, value in ((PEOPLE[nth], 1.0), (PEOPLE[nth - 1], -1.0)):
            id_ = ask(w, question(nth), who)
            say(w, id_, who, Kind.RATING, value=value, passage=key(town))
    with pytest.raises(RefusedError) as refused:
        embedder_set(w)
    assert str(refused.value) == (
        "nothing that was said of 'main' makes an example to tune a model on (left out: 6 documents judged right as "
        "often as wrong); collect ratings of passages, or right passages (`penstock feedback give`, `penstock feedback "
        "import`)"
    )


def test_a_small_set_or_one_of_a_single_group_says_that_it_is_not_enough(w: Workspace) -> None:
    for who in PEOPLE:
        liked(w, f"{who} asks what Ardmore is for", who, "Ardmore")
    w.change_index(training=EASY.model_copy(update={"min_examples": 500}))
    card = embedder_set(w).card
    assert card["ready"] is False
    assert card["wanting"] == [
        "6 examples, and it takes 500 (training.min_examples)",
        "all examples are of one group: nothing can be held back to judge by",
    ]


# what is erased, kept, edited


def model_of(w: Workspace, made: TrainingSet) -> str:
    folder = w.root / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return trained.keep(w.platform, "main", made.purpose, folder, Training("base", made.id, {}, {}))


def test_erasing_a_person_takes_their_examples_out_and_names_the_models(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    model = model_of(w, made)
    certificate = interactions.erase(w.platform, WHO, "asked for it", person="ada")
    assert (certificate["training_examples_erased"], certificate["training_sets"]) == (2, [made.id])
    assert certificate["models_trained_on_them"] == [model]
    left = sets.load(w.platform, "main", made.id)
    assert (len(left.examples), left.erased, left.id) == (10, 2, made.id)
    assert question(0) not in examples(left)
    with w.platform.catalog.read() as connection:
        assert trained.model_row(connection, "main", model).tainted == [certificate["decision"]]
    assert in_files(w, GOODS[0] + " and opens") == []


def test_models_tuned_from_one_that_learned_what_was_erased_are_named_too(w: Workspace) -> None:
    """Such a base passes on what it learned, to those that are there and to those that come."""
    log(w)
    first = model_of(w, embedder_set(w))
    second = tuned_from(w, first)
    third = tuned_from(w, second)
    certificate = interactions.erase(w.platform, WHO, "asked for it", person="ada")
    assert certificate["models_trained_on_them"] == sorted([first, second, third])
    later = tuned_from(w, third)
    with w.platform.catalog.read() as connection:
        for one in (third, later):
            assert trained.model_row(connection, "main", one).tainted == [certificate["decision"]]


def tuned_from(w: Workspace, base: str) -> str:
    """A model that was trained on another set, from one that was trained here."""
    folder = w.root / f"from-{base}"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(base.encode())
    return trained.keep(w.platform, "main", Purpose.EMBEDDER, folder, Training(f"trained:{base}", "another", {}, {}))


def test_the_card_of_a_set_says_what_an_erasure_left_of_it(w: Workspace) -> None:
    w.change_index(training=EASY.model_copy(update={"min_examples": 12}))
    log(w)
    made = embedder_set(w)
    few = "10 examples, and it takes 12 (training.min_examples)"
    assert made.card["wanting"] in ([], *([f"no example is for {split}"] for split in Split))  # as the key splits them
    interactions.erase(w.platform, WHO, "asked for it", person="ada")
    left = sets.load(w.platform, "main", made.id)
    assert left.card["ready"] is sets.listed(w.platform, "main")[0]["ready"] is False
    assert left.card["wanting"][0] == few
    assert left.card["splits"] == {str(split): len(left.of(split)) for split in Split}
    assert (left.card["questions"], left.card["people"]) == (10, 6)
    for person in PEOPLE[1:]:
        interactions.erase(w.platform, WHO, "asked for it", person=person)
    left = sets.load(w.platform, "main", made.id)
    assert (left.data, left.card["wanting"], left.card["sources"]) == (None, ["all of it was erased"], {})


def test_what_rests_on_a_row_is_looked_for_again_when_the_row_goes(w: Workspace) -> None:
    """A set that was frozen between the first look and the deletion holds nothing of it either."""
    log(w)
    made = embedder_set(w)
    digest = w.platform.recorder.digests.person("ada")
    assert forgetting._delete_all(w.platform, "person", digest) is None
    assert len(sets.load(w.platform, "main", made.id).examples) == 12
    assert interactions.erase(w.platform, WHO, "asked for it", person="ada")["interactions_erased"] == 2
    assert forgetting._delete_all(w.platform, "person", digest) == ([], [])


def test_an_erasure_takes_along_what_a_build_left_that_was_killed(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    sets.put(w.platform, Purpose.EMBEDDER, made.examples[:3])
    interactions.erase(w.platform, WHO, "asked for it", person="ada")
    data = sets.load(w.platform, "main", made.id).data
    assert list(w.platform.lake.names(LakeKind.TRAINING)) == [data]


def test_a_set_whose_object_an_erasure_swept_is_built_again(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    swept = sets.put(w.platform, Purpose.EMBEDDER, made.examples[:3])
    sweep_strays(w.platform)
    sets._require_written(w.platform, Purpose.EMBEDDER, str(made.data))
    with pytest.raises(TransientError) as raised:
        sets._require_written(w.platform, Purpose.EMBEDDER, swept)
    assert str(raised.value) == "an erasure took the set's object along while it was made; build it again"
    assert sets.load(w.platform, "main", made.id).examples == made.examples


def test_erasing_a_document_takes_out_every_example_that_holds_it(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    model_of(w, made)
    holding = [one for one in made.examples if document_id("docs", "ardmore.md") in one.documents]
    certificate = erasure.erase(w.platform, "docs", "ardmore.md", WHO, "by order")
    assert certificate["training_examples_erased"] == len(holding) > 1
    assert "Ardmore" not in json.dumps(sets.shown(sets.load(w.platform, "main", made.id), 100)).replace(question(0), "")
    assert in_catalog(w, "keeps anchors for sale") == []
    assert in_files(w, "keeps anchors for sale") == []


def test_pruning_keeps_the_release_of_a_set_and_retention_its_examples(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    for n in range(3):
        w.write("more.md", f"# More\n\nNumber {n}.\n")
        w.sync()
    assert maintenance.prune(w.platform, "main", 1)["releases"] == 2
    keep = w.settings.interactions.model_copy(update={"keep_days": 1e-9})
    w.settings = w.settings.model_copy(update={"interactions": keep})
    assert interactions.prune(w.open())["interactions"] == 12
    assert sets.load(w.platform, "main", made.id).examples == made.examples
    assert search(w.platform, "main", "anchors", made.release).hits


def edited(w: Workspace, made: TrainingSet) -> Path:
    """The file of a set, with a byte too many."""
    (path,) = [one for one in (w.root / "home").rglob(str(made.data)) if one.is_file()]
    path.write_bytes(path.read_bytes() + b" ")
    return path


def test_a_set_that_was_edited_on_disk_is_refused_and_building_it_again_mends_it(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    edited(w, made)
    remedy = (
        f"restore it from a backup, or drop it by `penstock trainset drop main {made.id} --why …`, then run "
        "`penstock trainset build main --for embedder`"
    )
    with pytest.raises(AlteredObjectError) as refused:
        sets.load(w.platform, "main", made.id)
    assert str(refused.value) == (f"training set {made.id} of 'main' was altered in the lake; {remedy}")
    (finding,) = maintenance.verify(w.platform, "main")
    assert (finding.what, finding.remedy) == (
        f"lake: training set {made.id} altered",
        remedy,
    )
    assert replace(embedder_set(w), at=made.at) == made
    assert maintenance.verify(w.platform, "main") == []


def test_a_lost_set_that_a_model_learned_is_not_said_to_be_dropped(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    model_of(w, made)
    w.platform.lake.delete(LakeKind.TRAINING, [str(made.data)])
    with pytest.raises(MissingObjectError) as refused:
        sets.load(w.platform, "main", made.id)
    assert str(refused.value) == (
        f"training set {made.id} of 'main' is missing in the lake; restore it from a backup, or, while the log still "
        "holds what it rests on, run `penstock trainset build main --for embedder`"
    )


def test_an_empty_id_of_a_set_is_not_the_newest() -> None:
    for command in (["train", "main", "--for", "embedder"], ["trainset", "show", "main", "--for", "embedder"]):
        said = CliRunner().invoke(app, [*command, "--set", ""])
        assert said.exit_code == 2
        words = " ".join(said.output.replace("│", " ").split())
        assert "it is empty; name a training set, as `penstock trainset list` shows it, or leave it out" in words


def test_a_set_whose_bytes_come_out_otherwise_today_is_mended_too(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    with w.platform.catalog.write() as connection:  # as another release of pyarrow wrote it, and lost since
        connection.execute(update(training_sets).values(data="0" * 64))
    assert [one.what for one in maintenance.verify(w.platform, "main")] == [f"lake: training set {made.id} missing"]
    assert replace(embedder_set(w), at=made.at) == made
    assert maintenance.verify(w.platform, "main") == []


def test_where_a_lost_set_alone_knows_what_was_asked_none_is_built_until_it_is_dropped(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    keep = w.settings.interactions
    w.settings = w.settings.model_copy(update={"interactions": keep.model_copy(update={"keep_days": 1e-9})})
    assert interactions.prune(w.open())["interactions"] == 12
    w.settings = w.settings.model_copy(update={"interactions": keep})
    w.platform = w.open()
    for nth, town in enumerate(TOWNS[:6]):
        liked(w, question(nth), PEOPLE[nth], town)
    edited(w, made)
    with pytest.raises(StoreError) as refused:
        embedder_set(w)
    assert str(refused.value) == (
        f"training set {made.id} is lost or was altered in the lake, and nothing else says what 6 questions of 'main' "
        "asked: what nearly repeats one that a model is judged by could be learned. Restore the set from a backup, or, "
        f"where no model learned it, run `penstock trainset drop main {made.id} --why …` and build again"
    )
    dropping.drop(w.platform, "main", made.id, WHO, "its object was altered")
    assert len(embedder_set(w).examples) == 6


@pytest.mark.parametrize("command", ["build", "show", "export"])
def test_a_purpose_that_there_is_not_is_named_with_those_that_there_are(command: str) -> None:
    said = CliRunner().invoke(app, ["trainset", command, "main", "--for", "embeder"])
    assert said.exit_code == 2
    assert "'embeder' is not one of 'embedder', 'reranker', 'generator'" in " ".join(said.output.split())


# dropping


def splits_of(w: Workspace) -> dict[str, Split]:
    return remembering.splits(w.platform, "main")


def test_a_dropped_set_leaves_the_splits_and_its_file_goes_with_the_next_pruning(
    w: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(w)
    made = embedder_set(w)
    other = build(w.platform, "main", Purpose.RERANKER)
    settled, before = splits_of(w), examples(made)
    done = dropping.drop(w.platform, "main", made.id[:9], WHO, " made by mistake ")
    assert (done["id"], done["purpose"], done["examples"]) == (made.id, "embedder", 12)
    row = decisions.history(w.platform.catalog, "main")[0]
    assert (row["id"], row["what"]) == (done["decision"], "drop-training-set")
    assert row["why"] == f"embedder {made.id}, 12 examples: made by mistake"
    assert [one["id"] for one in sets.listed(w.platform, "main")] == [other.id]
    assert splits_of(w) == settled
    assert in_catalog(w, made.id) == ["decisions"]
    assert sorted(w.platform.lake.names(LakeKind.TRAINING)) == sorted([str(made.data), str(other.data)])

    assert maintenance.prune(w.platform, "main", 9)["swept_training_sets"] == 0, "it may not have been named yet"
    monkeypatch.setattr(maintenance, "SWEEP_GRACE_S", -1.0)
    assert maintenance.prune(w.platform, "main", 9)["swept_training_sets"] == 1
    assert list(w.platform.lake.names(LakeKind.TRAINING)) == [other.data]
    assert maintenance.verify(w.platform, "main") == []

    liked(w, "where do they sell anchors by the sea", "ben", "Ardmore")
    again = examples(embedder_set(w))
    assert {query: again[query].split for query in before} == {query: one.split for query, one in before.items()}


def test_a_set_stays_as_long_as_a_model_that_learned_it(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    model = model_of(w, made)
    with pytest.raises(RefusedError) as refused:
        dropping.drop(w.platform, "main", made.id, WHO, "no longer needed")
    assert str(refused.value) == (
        f"training set {made.id} stays as long as 1 model of 'main' that learned it: {model}; an erasure could not "
        "name them without it"
    )
    assert interactions.erase(w.platform, WHO, "asked for it", person="ada")["models_trained_on_them"] == [model]


def test_no_model_is_kept_that_learned_a_set_which_was_dropped_meanwhile(w: Workspace) -> None:
    log(w)
    made = embedder_set(w)
    dropping.drop(w.platform, "main", made.id, WHO, "made by mistake")
    folder = w.root / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    training, still = Training("base", made.id, {}, {}), partial(require_unchanged, made)
    with pytest.raises(UnknownNameError, match=rf"^unknown training set of 'main': '{made.id}'"):
        trained.keep(w.platform, "main", made.purpose, folder, training, still)
    with w.platform.catalog.read() as connection:
        assert trained.of_index(connection, "main") == []


def test_what_is_erased_of_a_dropped_set_is_nowhere(w: Workspace) -> None:
    log(w)
    dropping.drop(w.platform, "main", embedder_set(w).id, WHO, "made by mistake")
    certificate = interactions.erase(w.platform, WHO, "asked for it", person="ada")
    assert certificate["training_sets"] == []
    assert in_files(w, GOODS[0] + " and opens") == []


def test_a_drop_needs_a_reason_and_a_set_that_is_there(w: Workspace) -> None:
    with pytest.raises(UsageError, match=r"^a decision needs a reason"):
        dropping.drop(w.platform, "main", "abc", WHO, " ")
    with pytest.raises(UnknownNameError, match=r"^unknown training set of 'main': 'abc'"):
        dropping.drop(w.platform, "main", "abc", WHO, "why not")


# the other purposes


def test_a_reranker_learns_graded_passages(w: Workspace) -> None:
    log(w)
    made = build(w.platform, "main", Purpose.RERANKER)
    one = next(one for one in made.examples if one.query == question(0))
    assert isinstance(one, RerankerExample)
    assert [grade for _text, grade in one.passages] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert "Ardmore" in one.passages[0].text


def answered(w: Workspace) -> None:
    for nth, town in enumerate(TOWNS):
        who = PEOPLE[nth % 6]
        id_ = ask(w, question(nth), who, answer=Answered(f"It is the depot of Lorton, number {nth}. [no source]"))
        say(w, id_, who, Kind.CORRECTION, text=f"The depot of {town} keeps {GOODS[nth]} for sale.")


def test_a_generator_learns_what_was_corrected_in_the_form_that_the_service_reads(w: Workspace) -> None:
    answered(w)
    made = build(w.platform, "main", Purpose.GENERATOR)
    one = next(one for one in made.examples if one.query == question(0))
    assert isinstance(one, GeneratorExample)
    claim = json.loads(one.answer)
    assert claim["claim"] == "The depot of Ardmore keeps anchors for sale."
    assert claim["quotes"][0]["quote"].strip() == "The depot of Ardmore keeps anchors for sale."
    assert json.loads(one.rejected or "")["claim"] == "It is the depot of Lorton, number 0."
    assert [each["role"] for each in one.messages] == ["system", "user"]
    assert one.messages[1]["content"].endswith(f"The question: {question(0)}")
    assert not one.refusal
    assert build(w.platform, "main", Purpose.GENERATOR).id == made.id


def test_whoever_corrects_most_is_cut_down_whatever_the_others_said_besides(w: Workspace) -> None:
    """Of what was said only some makes an answer: a fifth of the log was three quarters of a generator's set."""
    answered(w)
    for nth in range(60):
        liked(w, f"tell me number {nth * 37} about flutes {nth}", PEOPLE[nth % 6], TOWNS[nth % 12])
    for nth, town in enumerate(TOWNS):
        id_ = ask(w, f"what is sold at {town} these days", "mallory", answer=Answered(f"Nothing, {nth}. [no source]"))
        say(w, id_, "mallory", Kind.CORRECTION, text=f"The depot of {town} keeps {GOODS[nth]} for sale.")
    made = build(w.platform, "main", Purpose.GENERATOR)
    hers = [one for one in made.examples if one.query.startswith("what is sold at")]
    assert (len(hers), len(made.examples)) == (6, 18)
    assert (made.card["people"], made.card["largest_share"]) == (7, 0.3333)
    assert made.card["left_out"]["examples that one person alone is behind, beyond their share"] == 6
    assert count(w.platform, "main", [Purpose.GENERATOR], None, Progress()) == {Purpose.GENERATOR: 18}


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_can_become_an_example_is_counted_as_a_build_makes_it(w: Workspace, purpose: Purpose) -> None:
    log(w)
    answered(w)
    for nth in range(len(TOWNS)):
        id_ = ask(w, f"is {GOODS[nth]} what they sell up there", PEOPLE[nth % 6])
        say(w, id_, PEOPLE[nth % 6], Kind.RATING, value=1.0)  # of an answer that nobody kept
    id_ = ask(w, "when does the ferry to Norway leave", "ada", answer=Answered("On Mondays."))
    say(w, id_, "ada", Kind.CORRECTION, text="Every second Tuesday, weather permitting.")
    assert count(w.platform, "main", [purpose], None, Progress()) == {purpose: 12}
    assert sets.listed(w.platform, "main") == []
    made = build(w.platform, "main", purpose)
    assert sum(one.asked for one in made.examples) == 12


def test_what_triage_found_missing_is_to_be_refused(w: Workspace) -> None:
    answered(w)
    id_ = ask(w, "when does the ferry to Norway leave", "ada", answer=Answered("On Mondays."))
    say(w, id_, "ada", Kind.CORRECTION, text="Oats, hemp, linseed and buckwheat.")
    triage(w.platform, "main")
    made = build(w.platform, "main", Purpose.GENERATOR)
    (one,) = [one for one in made.examples if one.query == "when does the ferry to Norway leave"]
    assert isinstance(one, GeneratorExample)
    assert (one.refusal, json.loads(one.answer)) == (True, {"claim": None})
    assert made.card["kinds"]["refusal"] == 1


def missed(w: Workspace) -> None:
    """Each town is asked for what no document holds: what is found for that is not what the question is about."""
    for nth, town in enumerate(TOWNS):
        who = PEOPLE[nth % 6]
        id_ = ask(w, f"does {town} have a ferry to Norway", who, session=f"s{nth}", answer=Answered("On Mondays."))
        say(w, id_, who, Kind.CORRECTION, text="Oats, hemp, linseed and buckwheat.")
    triage(w.platform, "main")


def test_a_set_for_one_purpose_takes_no_example_from_another(w: Workspace) -> None:
    """What a refused question was shown tied it to documents that it is not about, and so two splits together."""
    log(w)
    missed(w)
    before = embedder_set(w)
    refused = build(w.platform, "main", Purpose.GENERATOR)
    assert {one.documents[0] for one in refused.examples} <= {one.documents[0] for one in before.examples}
    assert embedder_set(w).id == before.id
    assert build(w.platform, "main", Purpose.GENERATOR).id == refused.id


def test_a_session_is_of_one_split_whatever_its_questions_teach(w: Workspace) -> None:
    for nth, town in enumerate(TOWNS):
        liked(w, question(nth), PEOPLE[nth % 6], town, session=f"s{nth}")
    missed(w)
    found = {one.query: one.split for one in embedder_set(w).examples}
    refused = {one.query: one.split for one in build(w.platform, "main", Purpose.GENERATOR).examples}
    for nth, town in enumerate(TOWNS):
        assert refused[f"does {town} have a ferry to Norway"] is found[question(nth)]


@pytest.mark.parametrize("kind", [Kind.RATING, Kind.CORRECTION])
def test_a_refusal_is_not_learned_where_the_documents_were_added_since(w: Workspace, kind: Kind) -> None:
    """The prompt is made of what is found today: a model would learn to refuse what stands in it."""
    answered(w)
    ferry, words = "when does the ferry to Norway leave", "The ferry to Norway leaves on alternate Tuesdays."
    id_ = ask(w, ferry, "ada", answer=Answered(None, refused=True, confidence=0.01))
    said = {"value": 1.0} if kind is Kind.RATING else {"text": words}
    say(w, id_, "ada", kind, **said)
    triage(w.platform, "main")
    before = build(w.platform, "main", Purpose.GENERATOR)
    assert before.card["kinds"]["refusal"] == 1
    w.write("ferry.md", f"# Ferry\n\n{words}\n")
    w.sync()
    after = build(w.platform, "main", Purpose.GENERATOR)
    assert "refusal" not in after.card["kinds"]
    assert after.card["left_out"]["refusals of what the index may answer by now"] == 1


# for other tools


def test_chat_lines_are_messages_and_preferences_their_own_file(w: Workspace, tmp_path: Path) -> None:
    answered(w)
    made = build(w.platform, "main", Purpose.GENERATOR)
    written = exporting.export(made, "chat", tmp_path / "chat.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "chat.jsonl").read_text().splitlines()]
    assert len(lines) == len(made.of(Split.TRAIN)) == written["files"]["messages"]["lines"]
    assert [each["role"] for each in lines[0]["messages"]] == ["system", "user", "assistant"]
    pair = json.loads((tmp_path / "chat.preferences.jsonl").read_text().splitlines()[0])
    assert sorted(pair) == ["chosen", "prompt", "rejected"]
    assert pair["chosen"][0]["role"] == "assistant"


def test_what_is_there_is_not_written_over(w: Workspace, tmp_path: Path) -> None:
    """Pairs of an older set beside the lines of a newer one would be taken for those of one set."""
    answered(w)
    made = build(w.platform, "main", Purpose.GENERATOR)
    for name in ("chat.jsonl", "chat.preferences.jsonl"):
        there = tmp_path / name
        there.write_text("mine")
        with pytest.raises(UsageError, match=rf"{name} is there already; name a new file$"):
            exporting.export(made, "chat", tmp_path / "chat.jsonl")
        assert [(one.name, one.read_text()) for one in tmp_path.glob("chat*")] == [(name, "mine")]
        there.unlink()


def test_only_a_generators_set_chats(w: Workspace, tmp_path: Path) -> None:
    log(w)
    with pytest.raises(UsageError, match=r"is for the embedder, which does not chat; write --format hf$"):
        exporting.export(embedder_set(w), "chat", tmp_path / "chat.jsonl")


@pytest.mark.long
def test_the_folder_is_a_dataset_that_the_library_reads(
    w: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    log(w)
    made = embedder_set(w)
    exporting.export(made, "hf", tmp_path / "set")
    found = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in found.items()} == {
        str(split): len(made.of(split)) for split in Split if made.of(split)
    }
    assert sorted(found["train"]["positive"]) == sorted(one.positive for one in made.of(Split.TRAIN))  # type: ignore[union-attr]


# FeedbackQA: what people really said

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FEEDBACKQA = Path(os.environ.get("PENSTOCK_BENCH_DATA") or SHARED) / "feedbackqa"
MAPPING = FeedbackSettings(
    question="question",
    shown="[join('', [to_string(passage_id), '.md'])]",
    rating="rating",
    comment="feedback",
    each=("rating", "feedback"),
    ratings={"Excellent": 1.0, "Acceptable": 0.5, "Could be Improved": -0.5, "Bad": -1.0},
)


@pytest.mark.long
@pytest.mark.skipif(not FEEDBACKQA.exists(), reason=f"FeedbackQA is not there: {FEEDBACKQA}")
def test_real_feedback_on_test_questions_is_refused_with_the_offenders(
    make_workspace: Callable[..., Workspace],
) -> None:
    w = make_workspace()
    for one in map(json.loads, (FEEDBACKQA / "WHO" / "corpus.jsonl").open()):
        w.write(f"{one['_id']}.md", f"# {one['title'].strip()}\n\n{one['text']}\n")
    w.sync()
    for split in ("train", "test"):
        said = [line for line in (FEEDBACKQA / "feedback.jsonl").open() if _is_of(json.loads(line), split)]
        (w.root / f"{split}.jsonl").write_text("".join(said))
    guards = (FEEDBACKQA / "WHO",)
    assert feedback.import_files(w.platform, "main", [str(w.root / "train.jsonl")], MAPPING).taken > 1000
    trained_on = embedder_set(w, guards=guards)
    assert len(trained_on.of(Split.TRAIN)) > 100
    feedback.import_files(w.platform, "main", [str(w.root / "test.jsonl")], MAPPING)
    with pytest.raises(RefusedError, match=r"^models are judged by \d+ of the questions to train on"):
        embedder_set(w, guards=guards)
    without = embedder_set(w, guards=guards, drop_leaks=True)
    assert without.card["left_out"]["questions that models are judged by"] > 10
    before = {one.question: one.split for one in trained_on.examples}
    both = [one for one in without.examples if one.question in before]
    assert len(both) > 100
    assert all(one.split is before[one.question] for one in both)


def _is_of(one: dict[str, Any], split: str) -> bool:
    return (one["domain"], one["split"]) == ("WHO", split)
