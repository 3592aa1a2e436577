"""A tuned reranker and a tuned generator take their place beside the release, and give it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import answers, champions, display, manifest
from penstock.errors import ModelError, RefusedError, UsageError
from penstock.ids import hash_of
from penstock.promotion import checking, listing, records
from penstock.promotion.comparing import compare
from penstock.promotion.generators import read, score
from penstock.promotion.promoting import demote, promote
from penstock.purposes import Purpose
from penstock.retrieval import search
from penstock.settings import GeneratorSettings, LocalRerankerSettings
from penstock.training import sets
from penstock.training.examples import GeneratorExample, content_id
from penstock.training.splits import Split
from support import cross_encoders, tuned
from support.chat_models import claim
from support.model_api import CHAT_MODEL, ModelApi, model_api, use_our_key
from support.tuned import THINGS, WHO
from support.workspace import Workspace

PASSAGE = "The miller grinds barley at dawn."
KNOWN = claim("The miller grinds barley.", (1, PASSAGE))


def example(nth: int, refusal: bool = False) -> GeneratorExample:
    fields: dict[str, Any] = {
        "question": hash_of(str(nth))[:32],
        "query": f"who grinds barley, {nth}?",
        "group": str(nth),
        "split": Split.TEST,
        "weight": 1.0,
        "source": "docs",
        "language": "",
        "release": 1,
        "interactions": (),
        "feedback": (),
        "documents": (),
        "chunks": (),
        "messages": (
            {"role": "system", "content": "Write one JSON object a line."},
            {"role": "user", "content": f"passage 1\n{'' if refusal else PASSAGE}\n\nThe question: number {nth}"},
        ),
        "answer": json.dumps({"claim": None}) if refusal else KNOWN,
        "rejected": None,
        "refusal": refusal,
    }
    return GeneratorExample(id=content_id(Purpose.GENERATOR, fields), **fields)


@pytest.mark.parametrize(
    ("refusal", "said", "expected"),
    [
        (False, KNOWN, 1.0),
        (False, claim("The miller grinds.", (1, "The miller grinds barley")), 0.8),
        (False, claim("The miller grinds.", (1, PASSAGE), (1, "The miller is paid.")), 0.5 * 0.75),
        (False, claim("The miller grinds barley."), 0.0),
        (False, '{"claim": null}', 0.0),
        (True, '{"claim": null}', 1.0),
        (True, 'I cannot say.\n{"claim": null}', 1.0),
        (False, f"Here it is.\n{KNOWN}", 1.0),
        (True, KNOWN, 0.0),
    ],
)
def test_an_answer_is_scored_by_its_quotes_and_by_what_it_refuses(refusal: bool, said: str, expected: float) -> None:
    assert score(example(0, refusal), read(said)) == pytest.approx(expected)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelApi]:
    use_our_key(monkeypatch)
    with model_api() as server:
        yield server


def test_a_generator_that_cites_is_promoted_and_called_by_its_name(
    workspace: Workspace, api: ModelApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    w = workspace
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"tuned")
    w.write("mill.md", f"# Mill\n\n{PASSAGE}\n")
    index = w.settings.indexes["main"]
    generator = GeneratorSettings(backend="openai", model=CHAT_MODEL, base_url=f"{api.url}/v1", tries=1)
    gate = index.training.gate.model_copy(update={"min_test_examples": 20, "max_latency_ratio": 50.0})
    w.change_index(
        answer=index.answer.model_copy(update={"generator": generator, "min_confidence": 0.0}),
        training=index.training.model_copy(update={"gate": gate}),
    )
    w.sync()
    examples = [example(nth, refusal=nth % 4 == 0) for nth in range(24)]
    set_id = sets.freeze(w.platform, "main", Purpose.GENERATOR, 1, examples, {}, {"needed": 1}).id
    better = tuned.keep_model(w.platform, tmp_path / "adapter", CHAT_MODEL, set_id, Purpose.GENERATOR)

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "adapter_model.safetensors").write_bytes(b"of another base")
    other = tuned.keep_model(w.platform, tmp_path / "other", "models/chat", set_id, Purpose.GENERATOR)
    with pytest.raises(RefusedError) as refused:
        compare(w.platform, "main", other)
    assert str(refused.value) == (
        f"generator {other} was tuned from 'models/chat', and index 'main' has {CHAT_MODEL!r}: promoted it would not "
        "serve. Have the server call its base by the name that the recipe has for it (vLLM: --served-model-name), and "
        "name that in indexes.main.answer.generator.model; nothing was compared"
    )

    def writes(body: dict[str, Any]) -> str:
        if body["model"] != champions.SERVED_AS + better:
            return "" if "number 1" in body["messages"][-1]["content"] else "It is ground by the miller."
        return KNOWN if PASSAGE in body["messages"][-1]["content"] else '{"claim": null}'

    api.writes = writes
    with pytest.raises(ModelError, match=rf"penstock-{better}"):
        compare(w.platform, "main", better)
    assert looks_of(w) == [], "a server that does not know the name is told of before a look is spent"
    api.adapters = (champions.SERVED_AS + better,)
    found = compare(w.platform, "main", better)
    assert found.report["unusable"] == {"champion": 11, "challenger": 0}, "number 1, and 10 to 19: it wrote nothing"
    assert "of no use, so 0: 11 answers of the champion, 0 of the challenger" in found.report["remarks"]
    assert (found.outcome, found.report["means"]) == ("promote", {"champion": 0.0, "challenger": 1.0})
    assert found.report["kinds"]["challenger"] == {"answered": 1.0, "refused": 1.0}
    before = w.settings.indexes["main"].answer
    for changed, error, words in (
        (None, UsageError, "names no server with OpenAI's chat completions; a tuned generator is served there"),
        (generator.model_copy(update={"model": "another"}), RefusedError, "would not serve.*; nothing was promoted$"),
    ):
        w.change_index(answer=before.model_copy(update={"generator": changed}))
        with pytest.raises(error, match=words):
            promote(w.platform, "main", better, WHO, "it cites", override=True)
    w.change_index(answer=before)
    promote(w.platform, "main", better, WHO, "it cites")
    answer = answers.ask(w.platform, "main", "who grinds barley?")
    assert (answer.generator, [quote.text for quote in answer.quotes]) == (f"openai penstock-{better}", [PASSAGE])
    assert not_called(w) == []
    assert listing.models(w.platform, "main")["champions"]["generator"]["called"]
    w.change_index(answer=before.model_copy(update={"generator": None}))
    assert not_called(w) == [
        f"the champion generator {better} is not called: the configuration does not name what it was tuned from"
    ]
    found = listing.models(w.platform, "main")
    assert not found["champions"]["generator"]["called"]
    display.models(found)
    assert f"{better}, tuned here, and not called: the configuration does not name what" in " ".join(
        capsys.readouterr().out.split()
    )
    w.change_index(answer=before)
    demote(w.platform, "main", WHO, "the ratings fell")
    assert answers.ask(w.platform, "main", "who grinds barley?").generator == f"openai {CHAT_MODEL}"


def not_called(w: Workspace) -> list[str]:
    return [what for what, _remedy in checking.differences(w.platform, "main") if "is not called" in what]


def test_a_server_may_call_the_base_of_a_generator_by_its_path_beside_the_configuration(
    workspace: Workspace, tmp_path: Path
) -> None:
    """`vllm serve models/chat` does, as the documents have it, and a recipe knows that folder by its whole path."""
    w, folder = workspace, tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"tuned")
    base = str((w.settings.file.parent / "models/chat").resolve())
    made = tuned.keep_model(w.platform, folder, base, "a set", Purpose.GENERATOR)
    index = w.settings.indexes["main"]
    called = {}
    for name in ("models/chat", base, "models/another"):
        generator = GeneratorSettings(backend="openai", model=name, base_url="http://127.0.0.1:9/v1")
        w.change_index(answer=index.answer.model_copy(update={"generator": generator}))
        serving = champions.answering(w.platform, "main", {champions.GENERATOR: made}).generator
        assert serving is not None
        called[name] = serving.model
    tuned_one = champions.SERVED_AS + made
    assert called == {"models/chat": tuned_one, base: tuned_one, "models/another": "models/another"}


def looks_of(w: Workspace) -> list[int]:
    with w.platform.catalog.read() as connection:
        return [one.look for one in records.of_index(connection, "main")]


def test_a_reranker_that_would_not_serve_once_promoted_is_not_compared(workspace: Workspace, tmp_path: Path) -> None:
    w = workspace
    tuned.configure(w, tuned.model(tmp_path / "base"))
    tuned.fill(w)
    w.sync()
    set_id = tuned.freeze(w, Purpose.RERANKER)
    model = tuned.keep_model(w.platform, tuned.model(tmp_path / "m"), "package:mine", set_id, Purpose.RERANKER)
    retrieval = w.settings.indexes["main"].retrieval
    configured = LocalRerankerSettings(backend="local", model="package:another")
    w.change_index(retrieval=retrieval.model_copy(update={"rerank": configured}))
    with pytest.raises(RefusedError) as refused:
        compare(w.platform, "main", model)
    assert str(refused.value) == (
        f"reranker {model} was tuned from 'package:mine', and index 'main' has 'package:another': promoted it would "
        "not serve. Configure its base (indexes.main.retrieval.rerank), or train another; nothing was compared"
    )
    assert looks_of(w) == []


def test_a_reranker_serves_beside_the_release_that_is_live(workspace: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    w, base = workspace, tuned.model(tmp_path / "base")
    tuned.configure(w, base)
    tuned.fill(w)
    w.sync()
    encoder = cross_encoders.write(tmp_path / "encoder", "Bert")
    set_id = tuned.freeze(w, Purpose.RERANKER)
    model = tuned.keep_model(w.platform, encoder, "package:some_reranker", set_id, Purpose.RERANKER)
    found = compare(w.platform, "main", model)
    assert (found.outcome, found.champion, found.release) == ("keep-champion", None, None)
    with pytest.raises(RefusedError, match=r"^comparison 1 keeps the champion of 'main'"):
        promote(w.platform, "main", model, WHO, "a try")
    moved = promote(w.platform, "main", model, WHO, "a try", override=True)
    assert moved.message == (
        f"reranker {model} serves main, with release 1, promoted by ann, although comparison 1 kept the champion "
        f"({'; '.join(found.report['reasons'])})"
    )
    served = search(w.platform, "main", f"what is {THINGS[0]}")
    assert (served.champions, served.release) == ({"reranker": model}, 1)
    assert served.setup.reranker is not None
    w.write("new.md", "# Page\n\nThe page is about the page.")
    assert w.sync().release == 2
    with w.platform.catalog.read() as connection:
        assert manifest.champions(connection, "main") == {"reranker": model}
    demote(w.platform, "main", WHO, "it was slow", Purpose.RERANKER)
    after = search(w.platform, "main", f"what is {THINGS[0]}")
    assert (after.champions, after.release, after.setup.reranker) == ({}, 2, None), "only an embedder moves a release"


def test_a_reranker_that_was_never_measured_serves_by_a_persons_word_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    w = workspace
    tuned.configure(w, tuned.model(tmp_path / "base"), {"min_test_examples": 100})
    tuned.fill(w)
    w.sync()
    encoder = cross_encoders.write(tmp_path / "encoder", "Bert")
    model = tuned.keep_model(
        w.platform, encoder, "package:some_reranker", tuned.freeze(w, Purpose.RERANKER), Purpose.RERANKER
    )
    assert compare(w.platform, "main", model).outcome == "too-few-examples"
    moved = promote(w.platform, "main", model, WHO, "a try", override=True)
    assert moved.message == (
        f"reranker {model} serves main, with release 1, promoted by ann, although comparison 1 had too few examples: "
        "it was never measured (40 test examples of 100 that are asked for: nothing was compared; 40 would show a gain "
        "of about 0.12, 100 one of 0.08; collect more feedback and build the set again, or lower "
        "indexes.main.training.gate.min_test_examples)"
    )


def test_without_a_training_set_there_is_nothing_to_compare_on(workspace: Workspace, tmp_path: Path) -> None:
    w = workspace
    w.write("mill.md", f"# Mill\n\n{PASSAGE}\n")
    w.sync()
    model = tuned.keep_model(w.platform, tuned.model(tmp_path / "model"), "base", "0" * 16)
    with pytest.raises(
        UsageError, match=r"^index 'main' has no training set to tune the embedder on; run `penstock trainset"
    ):
        compare(w.platform, "main", model)
