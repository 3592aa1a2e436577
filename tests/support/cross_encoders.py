"""Small cross-encoders of random weights, as transformers saves them; the tests that read them need torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = "the miller grinds barley ferry crosses at dawn weir holds river back eel of in who what".split()  # noqa: SIM905
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PLACES = 24


def tokenizer(kind: str) -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*SPECIAL, *WORDS])}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    pair = "<s> $A </s> $B:1 </s>:1" if kind == "Bert" else "<s> $A </s> </s> $B </s>"
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair=pair, special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.enable_padding(length=PLACES)  # as many files ask for; here it is nothing's business
    return made


def write(path: Path, kind: str, **config: Any) -> Path:
    """A model of random weights, saved by transformers."""
    import torch
    import transformers

    offset = 0 if kind == "Bert" else 2
    named = {
        "vocab_size": len(SPECIAL) + len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "max_position_embeddings": PLACES + offset,
        "type_vocab_size": 2 if kind == "Bert" else 1,
        "initializer_range": 0.5,
        "pad_token_id": 1,
        "num_labels": 1,
    }
    torch.manual_seed(7)
    made = getattr(transformers, f"{kind}Config")(**named, **config)
    getattr(transformers, f"{kind}ForSequenceClassification")(made).save_pretrained(path)
    tokenizer(kind).save(str(path / "tokenizer.json"))
    return path
