"""A model of each purpose is tuned, exported and kept: whole lines, on models of a few thousand weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock import mlflow_store
from penstock.embedding import open_embedder
from penstock.embedding.folder import open_folder
from penstock.errors import (
    ConfigError,
    LeaseHeldError,
    ModelError,
    RefusedError,
    TransientError,
    UnknownNameError,
    UsageError,
)
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.reranking.local import LocalReranker
from penstock.settings import EmbedderSettings, LocalRerankerSettings
from penstock.trained import model_row, of_index, on_disk
from penstock.training import sets
from penstock.tuning import running, tracking
from penstock.tuning.running import train
from penstock.tuning_settings import EmbedderRecipe, GeneratorRecipe, RerankerRecipe
from support import tiny_models, tuning
from support.web import WebServer

pytest.importorskip("torch", reason="the extra `train` is not installed")
EMBEDDER = EmbedderRecipe(batch=16, max_length=16, epochs=6, learning_rate=5e-3, mixes=(0.5, 1.0))
RERANKER = RerankerRecipe(batch=16, max_length=32, epochs=4, learning_rate=5e-3)
GENERATOR = GeneratorRecipe(
    batch=8, max_length=256, epochs=2, prefer_epochs=1, learning_rate=5e-3, answer_tokens=80, measured=4, rank=8
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """With several torch adds up in another order each time, and the same training differs in its last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("tuning")
    texts = [
        text for one in tuning.generator_examples() for text in (*(m["content"] for m in one.messages), one.answer)
    ]
    generator = GENERATOR.model_copy(update={"base": str(tiny_models.generator(root / "chat", texts))})
    platform = tuning.platform(
        root,
        quick=EMBEDDER,
        whole=EMBEDDER.model_copy(update={"method": "full", "epochs": 2, "base": str(nested(root))}),
        heads=RERANKER,
        chat=generator,
        broken=EMBEDDER.model_copy(update={"learning_rate": 1e30}),
        small=EMBEDDER.model_copy(update={"max_memory_mb": 64}),
        hasty=EMBEDDER.model_copy(update={"max_minutes": 1e-9}),
        missing=EMBEDDER.model_copy(update={"base": str(root / "nowhere")}),
        wide=EMBEDDER.model_copy(update={"base": str(tiny_models.embedder(root / "wide", tuning.texts(), hidden=64))}),
        replaying=EMBEDDER.model_copy(update={"epochs": 1, "replay": pairs_known_before(root / "replay.jsonl")}),
        unguarded=EMBEDDER.model_copy(update={"guard": root / "nowhere.jsonl"}),
        other=EMBEDDER.model_copy(update={"base": str(tiny_models.embedder(root / "other", tuning.texts()[:40]))}),
    )
    for purpose in Purpose:
        tuning.frozen(platform, purpose)
    yield platform
    platform.close()


def pairs_known_before(path: Path) -> Path:
    path.write_text("".join(json.dumps({"question": f"who {n}", "passage": f"bell {n}"}) + "\n" for n in range(20)))
    return path


def nested(root: Path) -> Path:
    """The index's embedder in the layout of older models: its transformer in a folder of its own."""
    base, transformer = root / "nested", root / "nested" / "0_Transformer"
    shutil.copytree(tiny_models.embedder(root / "model", tuning.texts()), base)
    transformer.mkdir()
    for path in [one for one in base.iterdir() if one.is_file() and one.name != "modules.json"]:
        path.rename(transformer / path.name)
    modules = json.loads((base / "modules.json").read_text())
    tiny_models.write(base / "modules.json", [modules[0] | {"path": transformer.name}, *modules[1:]])
    return base


def kept(platform: Platform) -> int:
    with platform.catalog.read() as connection:
        return len(of_index(connection, "main"))


def test_an_embedder_learns_and_is_kept_as_the_serving_path_reads_it(opened: Platform) -> None:
    from mlflow import MlflowClient

    made = train(opened, "main", Purpose.EMBEDDER, "quick")
    figures = made.figures
    assert figures["after"]["nDCG@10"] > figures["before"]["nDCG@10"] + 0.1
    assert figures["cosine to torch"] >= 0.9999
    base = opened.settings.index("main").embedder.model
    with opened.catalog.read() as connection:
        row = model_row(connection, "main", made.id)
    # a path from the configuration's folder on
    assert (row.base, row.set_id, row.purpose, row.tracking) == ("model", made.set_id, "embedder", made.tracking)
    folder = on_disk(opened, f"trained:{made.id}")
    assert open_embedder(EmbedderSettings(model=folder, precision="float32")).dimension == 32
    assert open_folder(folder).max_length == open_folder(base).max_length, "not the length of training"
    assert not list((opened.settings.home / "tuning" / "main" / "embedder").glob("*/")), "nothing is left behind"

    again = train(opened, "main", Purpose.EMBEDDER, "quick")
    assert again.id == made.id, "the same set, recipe and machine give the same model"

    run = MlflowClient(tracking_uri=opened.settings.tracking_url).get_run(made.tracking)
    assert run.info.status == "FINISHED"
    assert run.data.params["data"] == row.recipe["data"]
    assert run.data.params["seed"] == "0"
    assert run.data.metrics["after/nDCG at 10"] == figures["after"]["nDCG@10"]
    assert len(tuning.steps(opened, made.tracking)) == figures["steps"]
    card = Path(run.info.artifact_uri) / "model_card.md"
    assert f"training set `{made.set_id}`" in card.read_text()


def test_pairs_known_before_are_trained_on_too(opened: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.tuning.losses import WeightedRanking

    light = [replace(one, weight=0.5) for one in tuning.embedder_examples()]  # a pair known before weighs 1
    set_ = sets.freeze(opened, "main", Purpose.EMBEDDER, 1, light, {}, {"needed": 1})
    seen: list[list[float]] = []
    loss = WeightedRanking.compute_loss_from_embeddings

    def spied(self: Any, embeddings: Any, labels: Any) -> Any:
        seen.append(labels.tolist())
        return loss(self, embeddings, labels)

    monkeypatch.setattr(WeightedRanking, "compute_loss_from_embeddings", spied)
    train(opened, "main", Purpose.EMBEDDER, "replaying", set_.id)
    assert {weight for batch in seen for weight in batch} == {0.5, 1.0}


def test_every_weight_is_tuned_by_one_setting_in_the_layout_of_the_base(opened: Platform) -> None:
    made = train(opened, "main", Purpose.EMBEDDER, "whole")
    assert made.figures["cosine to torch"] >= 0.9999
    assert (Path(on_disk(opened, f"trained:{made.id}")) / "0_Transformer" / "model.safetensors").is_file()
    assert made.figures["after"]["nDCG@10"] > made.figures["before"]["nDCG@10"]


def test_a_reranker_is_made_from_the_embedder_and_learns(opened: Platform) -> None:
    made = train(opened, "main", Purpose.RERANKER, "heads")
    figures = made.figures
    losses = tuning.losses(opened, made.tracking)  # what a model of random weights ranks on unseen facts is luck
    assert losses[-1] < losses[0]
    assert set(figures["after"]) == set(figures["before"]) >= {"nDCG@10", "R@1"}
    assert figures["difference to torch"] <= 1e-3
    served = LocalReranker(
        LocalRerankerSettings(backend="local", model=on_disk(opened, f"trained:{made.id}"), threads=1)
    )
    assert len(served.rerank("where wheel of mill kept", ["keeper says", "oven"]).hits) == 2


def test_a_generator_learns_to_answer_and_to_prefer(opened: Platform) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = train(opened, "main", Purpose.GENERATOR, "chat")
    figures = made.figures
    print(json.dumps(figures, indent=1))
    assert figures["too long"] == 0
    assert set(figures["after"]) == {"format", "cited"}, "no right answer of the set refuses"
    assert figures["preferred after"]["mean"] >= figures["preferred before"]["mean"]
    folder = Path(on_disk(opened, f"trained:{made.id}"))
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "chat", "no path of this machine"
    assert sorted(one.name for one in (folder / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    merged = AutoModelForCausalLM.from_pretrained(folder / "merged")
    tokenizer = AutoTokenizer.from_pretrained(folder / "merged")
    base = AutoModelForCausalLM.from_pretrained(opened.settings.recipes["chat"].base)
    beside = PeftModel.from_pretrained(base, folder / "adapter")
    ids = tokenizer("The question: where wheel of mill kept", return_tensors="pt").input_ids
    assert (merged(ids).logits - beside(input_ids=ids).logits).abs().max() < 1e-4, "adapter and merged are one model"
    assert merged.generate(ids, max_new_tokens=4).shape[1] > ids.shape[1]


def test_a_generator_without_a_base_is_told_where_one_is_named(opened: Platform) -> None:
    """A retraining has no --recipe."""
    with pytest.raises(UsageError) as raised:
        train(opened, "main", Purpose.GENERATOR)
    assert str(raised.value) == (
        'no base is named for a generator: write [recipes.NAME] with purpose = "generator" and base = the folder of a '
        "chat model, and name it with --recipe NAME, or for retrainings in indexes.main.retrain.recipe"
    )


OTHER_WIDTH = (
    "the base '{root}/wide' makes vectors of 64 numbers, and the embedder of index 'main' of 32; name a base of the "
    "same dimension, or change the index's embedder and reindex first"
)
OTHER_TOKENS = (
    "the base '{root}/other' has another tokenizer than the embedder of index 'main', whose passages are cut by its "
    "own; change the index's embedder and reindex first"
)


@pytest.mark.parametrize(
    ("recipe", "error", "words"),
    [
        ("quik", UnknownNameError, "unknown recipe 'quik'; did you mean 'quick'?"),
        ("heads", UsageError, "recipe 'heads' is for a reranker, and this is for an embedder; name another"),
        (
            "missing",
            ModelError,
            "no model folder at {root}/nowhere; name a local folder or an installed 'package:NAME'",
        ),
        ("wide", ModelError, OTHER_WIDTH),
        ("other", ModelError, OTHER_TOKENS),
    ],
)
def test_what_cannot_be_tuned_is_refused_first(
    opened: Platform, recipe: str, error: type[Exception], words: str
) -> None:
    before = kept(opened)
    with pytest.raises(error) as raised:
        train(opened, "main", Purpose.EMBEDDER, recipe)
    assert str(raised.value) == words.format(root=opened.settings.file.parent)
    assert kept(opened) == before


@pytest.mark.parametrize(
    ("purpose", "recipe", "file"),
    [
        (Purpose.EMBEDDER, "quick", "model/pytorch_model.bin"),
        (Purpose.EMBEDDER, "quick", "model/old/checkpoint.PKL"),
        (Purpose.RERANKER, "heads", "model/model.pt"),
        (Purpose.GENERATOR, "chat", "chat/optimizer.pt"),
    ],
)
def test_a_base_with_a_pickle_in_it_is_refused(opened: Platform, purpose: Purpose, recipe: str, file: str) -> None:
    before, root = kept(opened), opened.settings.file.parent
    pickled = root / file
    pickled.parent.mkdir(exist_ok=True)
    pickled.write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError) as raised:
        train(opened, "main", purpose, recipe)
    pickled.unlink()
    assert str(raised.value) == (
        f"the base '{root / Path(file).parts[0]}' cannot be tuned: {pickled} can run code when it is loaded, and what "
        "training loads is safetensors only; take that file away"
    )
    assert kept(opened) == before


def test_the_files_of_a_recipe_are_read_before_it_trains(opened: Platform) -> None:
    with pytest.raises(ConfigError, match=r"^recipes\.guard: .*nowhere\.jsonl cannot be read: "):
        train(opened, "main", Purpose.EMBEDDER, "unguarded")
    assert not list((opened.settings.home / "tuning").rglob("checkpoint-*"))


def test_limits_are_looked_at_before(opened: Platform) -> None:
    with pytest.raises(ModelError, match=r"would take about \d+ MB, and 64 are allowed or free; lower batch \(16\)"):
        train(opened, "main", Purpose.EMBEDDER, "small")


def test_a_broken_loss_ends_the_training(opened: Platform) -> None:
    before = kept(opened)
    with pytest.raises(ModelError, match=r"^the loss is (nan|inf) at step \d+: the training is broken, and nothing"):
        train(opened, "main", Purpose.EMBEDDER, "broken")
    assert kept(opened) == before


def test_one_training_at_a_time(opened: Platform) -> None:
    with (
        running.working(opened, "main", Purpose.EMBEDDER, "first"),
        pytest.raises(LeaseHeldError) as raised,
        running.working(opened, "main", Purpose.EMBEDDER, "second"),
    ):
        pass
    assert str(raised.value) == (
        "another training of an embedder for index 'main' runs on this machine; wait until it ends"
    )


def test_a_small_set_and_one_group_are_refused(opened: Platform) -> None:
    set_ = tuning.frozen(opened, Purpose.EMBEDDER)
    with pytest.raises(RefusedError) as raised:
        running.check_set(set_, Purpose.EMBEDDER, 500)
    assert str(raised.value) == (
        f"training set {set_.id} holds 128 examples, and 500 are asked for; collect more feedback, or lower "
        "indexes.main.training.min_examples"
    )


def test_mlflow_that_does_not_answer_stops_a_training_before_it_begins(
    opened: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match=r"^MLflow at http://127.0.0.1:9 does not do what it is asked: "):
        train(opened, "main", Purpose.EMBEDDER, "quick")


def test_a_set_that_lost_examples_meanwhile_yields_no_model(opened: Platform) -> None:
    set_ = tuning.frozen(opened, Purpose.EMBEDDER)
    with opened.catalog.read() as connection:
        running.require_unchanged(set_, connection)
        with pytest.raises(TransientError) as raised:
            running.require_unchanged(replace(set_, data="0" * 64), connection)
    assert str(raised.value) == (
        f"examples of training set {set_.id} were erased while a model was trained on them; that model is not kept: "
        "train again"
    )


class Client:
    """An MLflow that is there, or not."""

    def __init__(self) -> None:
        self.there, self.points = True, 0

    def log_batch(self, _run: str, metrics: list[object]) -> None:
        if not self.there:
            raise ConnectionError("refused")
        self.points += len(metrics)


def test_mlflow_may_go_in_the_middle_and_is_told_at_the_end() -> None:
    client = Client()
    run = tracking.Run(client, "http://mlflow", "1")
    run.curve(1, {"loss": 1.0})
    assert client.points == 0, "told with the next evaluation"
    client.there = False
    run.curve(1, {"eval_loss": 1.0})
    run.curve(2, {"loss": 1.0, "eval_loss": 0.5})
    with pytest.raises(TransientError) as raised:
        run.ended({}, "", {})
    assert str(raised.value) == (
        "MLflow at http://mlflow does not do what it is asked: refused; look at the server, or name another in "
        "store.tracking, then train again: it goes on where it stopped"
    )
    client.there = True
    run._flush()
    assert client.points == 4


def test_nothing_is_printed_of_an_mlflow_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its client prints the address of a run that ended, password and all, where --json promises one document."""
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "false")
    with WebServer.serve() as server:
        server.put("/api/2.0/mlflow/runs/update", "{}", "application/json")
        server.put(
            "/api/2.0/mlflow/runs/get",
            '{"run": {"info": {"run_id": "1", "run_name": "a run", "experiment_id": "7"}, "data": {}}}',
            "application/json",
        )
        url = server.url.replace("://", "://ann:secret@")
        tracking.Run(mlflow_store.client(url, tries=1, timeout_s=10), url, "1").failed()
        assert server.asked("runs/update")
    assert capsys.readouterr() == ("", "")
