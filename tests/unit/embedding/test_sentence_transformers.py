"""What the other backend refuses. That it makes the same vectors is seen in tests/integration/test_backends.py."""

from __future__ import annotations

import sys

import pytest

from penstock.embedding import open_embedder
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

OTHER = EmbedderSettings(backend="sentence-transformers")


def test_where_it_is_not_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelError) as refused:
        open_embedder(OTHER)
    assert str(refused.value) == (
        'backend = "sentence-transformers" is not installed (import of sentence_transformers halted; None in '
        "sys.modules); run `pip install penstock[train]`"
    )


def test_it_has_one_precision() -> None:
    with pytest.raises(ModelError) as refused:
        open_embedder(OTHER.model_copy(update={"precision": "bfloat16"}))
    assert str(refused.value) == 'backend = "sentence-transformers" runs in float32; set precision = "auto"'
