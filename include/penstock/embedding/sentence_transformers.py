"""Any architecture that sentence-transformers runs, with torch in float32. Local files and safetensors only."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from penstock.embedding.base import LocalModel, Tokenizer, Vectors
from penstock.embedding.folder import open_folder
from penstock.embedding.openvino import max_tokens
from penstock.embedding.tokens import FileTokenizer
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

BATCH_TEXTS = 32


class SentenceTransformersEmbedder(LocalModel):
    """See ``Embedder``. ``threads`` sets torch's number for the whole process."""

    def __init__(self, settings: EmbedderSettings) -> None:
        if settings.precision == "bfloat16":
            raise ModelError('backend = "sentence-transformers" runs in float32; set precision = "auto"')
        folder = open_folder(settings.model)
        self.fingerprint = folder.fingerprint(settings)
        tokens = FileTokenizer(folder.tokenizer, folder.max_length)
        self.tokenizer: Tokenizer = tokens
        self.max_tokens = max_tokens(folder, tokens, settings)
        self._settings = settings
        self._alone = threading.Lock()  # its tokenizer refuses a second caller: "Already borrowed"
        sentence_transformers, torch = _import()
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._model = sentence_transformers.SentenceTransformer(
            str(folder.path.absolute()),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
        self._model.max_seq_length = folder.max_length
        self._model.default_prompt_name = None  # the settings' prompts are the only ones
        self.dimension = int(self._model.get_embedding_dimension())
        self.runtime: Mapping[str, str] = {
            "library": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}",
            "precision": "float32",
            "threads": str(torch.get_num_threads()),
        }

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._settings.document_prompt)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._embed([text], self._settings.query_prompt)[0]
        return vector

    def _embed(self, texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        with self._alone:
            vectors = self._model.encode(
                list(texts),
                prompt=prompt or None,  # by name, so that pooling can leave it out where the model says so
                batch_size=BATCH_TEXTS,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)


def _import() -> tuple[Any, Any]:
    try:
        import sentence_transformers
        import torch
    except ImportError as error:
        raise ModelError(
            f'backend = "sentence-transformers" is not installed ({error}); run `pip install penstock[train]`'
        ) from None
    return sentence_transformers, torch
