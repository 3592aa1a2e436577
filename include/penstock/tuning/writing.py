"""What a chat model writes, measured: does it keep to the format, quote what it was shown, and prefer what is right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from penstock.answers.drafts import DraftReader
from penstock.evaluation import intervals
from penstock.training.examples import GeneratorExample
from penstock.tuning_settings import GeneratorRecipe

_FORMAT = re.compile(r'\{\s*"claims?"')


def discipline(
    model: Any, tokenizer: Any, asked: Sequence[GeneratorExample], recipe: GeneratorRecipe
) -> dict[str, Any]:
    """Shares of the answers, with intervals.

    ``format``: it is read as claims and nothing in it is unreadable. ``cited``: besides, each claim has quotes, and
    each quote stands in what was shown; a refusal counts where one is right. ``refused rightly``: it refuses where the
    right answer does, and only there; not told where no right answer does.
    """
    values: dict[str, list[float]] = {"format": [], "cited": [], "refused rightly": []}
    for one in asked:
        found = read(answer(model, tokenizer, one, recipe.answer_tokens), one)
        for name, value in found.items():
            values[name].append(float(value))
    if not any(one.refusal for one in asked):
        del values["refused rightly"]
    return {name: intervals.score(each).to_dict() for name, each in values.items()}


def read(text: str, one: GeneratorExample) -> dict[str, bool]:
    """What one answer does. Quotes may stand in any message: the fences around passages are not looked at.

    Sentences beside the claims are left out, as where an answer is given.
    """
    reader = DraftReader()
    claims = [claim for claim in (*reader.feed(text), *reader.end()) if not claim.beside]
    well = bool(_FORMAT.search(text)) and not reader.unreadable
    shown = " ".join(" ".join(message["content"].split()) for message in one.messages)
    cited = all(
        claim.quotes and all(quote.text and " ".join(quote.text.split()) in shown for quote in claim.quotes)
        for claim in claims
    )
    refused = well and not claims
    right = refused == one.refusal
    return {"format": well, "cited": well and cited and (bool(claims) or one.refusal), "refused rightly": right}


def answer(model: Any, tokenizer: Any, one: GeneratorExample, most: int) -> str:
    """The most likely words, without chance."""
    import torch

    asked = torch.tensor([prompt(tokenizer, one)], device=model.device)
    if places := getattr(model.config, "max_position_embeddings", None):
        most = max(1, min(most, places - asked.shape[1]))
    model.eval()
    with torch.no_grad():
        written = model.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
    return str(tokenizer.decode(written[0, asked.shape[1] :], skip_special_tokens=True))


def preferred(model: Any, tokenizer: Any, pairs: Sequence[GeneratorExample]) -> list[float]:
    """For each pair 1 where the better answer is the likelier one, a token; else 0."""
    return [
        float(likelihood(model, tokenizer, one, one.answer) > likelihood(model, tokenizer, one, str(one.rejected)))
        for one in pairs
    ]


def likelihood(model: Any, tokenizer: Any, one: GeneratorExample, text: str) -> float:
    """The mean log probability of an answer's tokens."""
    import torch

    begin, ids = len(prompt(tokenizer, one)), torch.tensor([tokens(tokenizer, one, text)], device=model.device)
    model.eval()
    with torch.no_grad():
        scores = model(input_ids=ids).logits[0, begin - 1 : -1].float().log_softmax(-1)
    return float(scores.gather(1, ids[0, begin:, None]).mean())


def prompt(tokenizer: Any, one: GeneratorExample) -> list[int]:
    asked = tokenizer.apply_chat_template(list(one.messages), add_generation_prompt=True, return_dict=False)
    return [int(token) for token in asked]


def tokens(tokenizer: Any, one: GeneratorExample, text: str) -> list[int]:
    """Prompt and answer, as training reads them."""
    said = [*one.messages, {"role": "assistant", "content": text}]
    return [int(token) for token in tokenizer.apply_chat_template(said, return_dict=False)]
