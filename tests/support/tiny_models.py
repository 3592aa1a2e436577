"""Models of a few thousand random weights, saved as real ones are: to be tuned in seconds. They need torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LENGTH = 64
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def embedder(path: Path, texts: Iterable[str], hidden: int = 32, vocabulary: int = 400, seed: int = 7) -> Path:
    """A BERT of two layers with mean pooling, in the layout of sentence-transformers."""
    import torch
    import transformers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=made.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=LENGTH,
        initializer_range=0.2,
    )
    transformers.BertModel(config).save_pretrained(path)
    made.save(str(path / "tokenizer.json"))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    write(path / "tokenizer_config.json", {"tokenizer_class": "BertTokenizerFast", "model_max_length": LENGTH, **names})
    kind = "sentence_transformers.models."
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write(
        path / "modules.json",
        [{"idx": n, "name": str(n), "path": where, "type": kind + name} for n, (where, name) in enumerate(modules)],
    )
    write(path / "1_Pooling" / "config.json", {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True})
    write(path / "sentence_bert_config.json", {"max_seq_length": LENGTH, "do_lower_case": False})
    return path


def generator(path: Path, texts: Iterable[str], hidden: int = 64, vocabulary: int = 600) -> Path:
    """A decoder of two layers (Llama's kind) that chats; its tokenizer is trained on the texts."""
    import torch
    import transformers

    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet)
    )
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=made.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=1024,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=0.1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    made.save(str(path / "tokenizer.json"))
    names = {"pad_token": "<|pad|>", "eos_token": "<|end|>", "chat_template": CHAT_TEMPLATE}
    write(path / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **names})
    return path


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
