"""A local cross-encoder, beside what transformers' own model makes of the same pairs with torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from penstock.errors import ModelError, UsageError
from penstock.reranking import open_reranker
from penstock.reranking.local import LocalReranker
from penstock.settings import LocalRerankerSettings
from support.cross_encoders import PLACES, write

torch = pytest.importorskip("torch", reason="torch is not installed: there is nothing to compare with")

QUESTION = "who grinds barley"
PASSAGES = [
    "the miller grinds barley at dawn",
    "the ferry crosses the river",
    "",
    "eel " * 60 + "barley",
    "what holds the weir back",
    "zyzzyva",
] * 5
KINDS = ["Bert", "Roberta", "XLMRoberta"]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, kind: str) -> Path:
    return write(tmp_path_factory.mktemp("models") / f"tiny-{kind}", kind)


def by_torch(folder: Path, kind: str, question: str) -> np.ndarray:
    import transformers

    model = getattr(transformers, f"{kind}ForSequenceClassification").from_pretrained(folder).eval()
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.enable_truncation(PLACES, strategy="only_second")
    made.enable_padding(pad_id=1, pad_token="<pad>")
    rows = made.encode_batch([(question, passage) for passage in PASSAGES])
    inputs = {"input_ids": [row.ids for row in rows], "attention_mask": [row.attention_mask for row in rows]}
    if kind == "Bert":
        inputs["token_type_ids"] = [row.type_ids for row in rows]
    with torch.no_grad():
        logits = model(**{name: torch.tensor(value) for name, value in inputs.items()}).logits
    return np.asarray(logits.numpy()[:, 0])


def opened(folder: Path) -> LocalReranker:
    reranker = open_reranker(LocalRerankerSettings(backend="local", model=str(folder)))
    assert isinstance(reranker, LocalReranker)
    return reranker


def test_scores_are_those_of_transformers(folder: Path, kind: str) -> None:
    expected = by_torch(folder, kind, QUESTION)
    assert np.ptp(expected) > 0.1, "a model that tells nothing apart proves nothing"
    reranker = opened(folder)
    scores = reranker.scores(QUESTION, PASSAGES)
    assert np.abs(scores - expected).max() < 1e-4
    ranking = reranker.rerank(QUESTION, PASSAGES)
    assert [hit.place for hit in ranking.hits] == sorted(range(len(PASSAGES)), key=lambda n: (-scores[n], n))
    assert reranker.rerank(QUESTION, PASSAGES, k=3).hits == ranking.hits[:3]


def test_a_question_of_any_length_leaves_half_for_the_passage(folder: Path) -> None:
    reranker = opened(folder)
    endless = "barley " * 5000
    first, second, third = reranker.scores(endless, ["ferry", "eel", "weir \ud800"])
    assert len({float(one) for one in (first, second, third)}) == 3


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bert") / "tiny", "Bert")


def test_nothing_and_too_much(bert: Path) -> None:
    reranker = opened(bert)
    assert reranker.rerank(QUESTION, []).hits == ()
    with pytest.raises(UsageError, match="1,001 passages are too many to rerank"):
        reranker.rerank(QUESTION, ["a"] * 1001)
    with pytest.raises(UsageError, match="0 passages cannot be asked for"):
        reranker.rerank(QUESTION, ["a"], k=0)


def test_its_name_changes_with_whatever_changes_its_scores(bert: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(bert, tmp_path / "elsewhere" / bert.name)
    assert opened(moved).name == opened(bert).name
    config(moved, transformers_version="0")
    assert opened(moved).name == opened(bert).name
    names = {opened(bert).name}
    for change in (lambda: config(moved, layer_norm_eps=1e-5), lambda: tensors(moved, lambda t: t | negative(t))):
        change()
        names.add(opened(moved).name)
    assert len(names) == 3
    assert {name.rpartition(" ")[0] for name in names} == {"tiny"}


Tensors = dict[str, np.ndarray]


def config(path: Path, **changes: Any) -> None:
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def tensors(path: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file(change(load_file(path / "model.safetensors")), path / "model.safetensors")


def negative(found: Tensors) -> Tensors:
    return {"classifier.weight": -found["classifier.weight"]}


def without(found: Tensors, *names: str) -> Tensors:
    return {name: value for name, value in found.items() if name not in names}


REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (lambda m: shutil.rmtree(m), "no model folder at {m}; name a local folder or an installed 'package:NAME'"),
    (
        lambda m: (m / "model.safetensors").rename(m / "pytorch_model.bin"),
        (
            "{m} holds its weights as a pickle (pytorch_model.bin), which can run code when it is loaded; "
            "save them as model.safetensors"
        ),
    ),
    (lambda m: (m / "tokenizer.json").unlink(), "'{m}' is incomplete: there is no tokenizer.json in {m}"),
    (
        lambda m: config(m, id2label={"0": "no", "1": "yes"}),
        "{m} tells 2 labels apart; a reranker has one, the relevance",
    ),
    (
        lambda m: config(m, architectures=["BertModel"]),
        (
            "{m} is a BertModel, and no cross-encoder that is run here; there are: BertForSequenceClassification, "
            "RobertaForSequenceClassification, XLMRobertaForSequenceClassification"
        ),
    ),
    (
        lambda m: config(m, hidden_act="relu"),
        "a cross-encoder is run with hidden_act 'gelu', but {m} has 'relu'; name another",
    ),
    (
        lambda m: tensors(m, lambda found: without(found, "classifier.weight")),
        (
            "{m}/model.safetensors has no tensor 'classifier.weight', which a BertForSequenceClassification needs; "
            "save the whole model"
        ),
    ),
    (
        lambda m: config(m, num_hidden_layers=1),
        (
            "{m}/model.safetensors has 16 tensors that config.json knows nothing of, such as "
            "'encoder.layer.1.attention.output.LayerNorm.bias'; one of the two is another model's"
        ),
    ),
    (
        lambda m: tensors(m, lambda found: found | {"classifier.weight": found["classifier.weight"] * np.nan}),
        "{name} gave scores that are no numbers; is {m}/model.safetensors damaged?",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), REFUSED)
def test_what_is_no_cross_encoder_is_refused_by_name(
    bert: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    model = shutil.copytree(bert, tmp_path / "tiny")
    spoil(model)
    with pytest.raises(ModelError) as refused:
        opened(model).rerank(QUESTION, PASSAGES)
    name = opened(model).name if "{name}" in message else ""
    assert str(refused.value) == message.format(m=model, name=name)


def test_weights_that_do_not_fit_are_refused(bert: Path, tmp_path: Path) -> None:
    model = shutil.copytree(bert, tmp_path / "tiny")
    tensors(model, lambda found: found | {"classifier.weight": np.ones((1, 9), dtype=np.float32)})
    with pytest.raises(ModelError, match=r"model.safetensors does not fit its config.json: "):
        opened(model).rerank(QUESTION, PASSAGES)
