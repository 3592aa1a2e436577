"""Two generators answer the test prompts; what they write is held against the passages and the known answer.

No model judges. Of an example that is to be answered the score is the F1 of its quotes' words against those of the
known answer (as of SQuAD; Rajpurkar et al., 2016), times the share of the quotes that stand in the passages letter by
letter: an invented quote costs what it would cost a reader. Of one that is to be refused it is whether it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any

from sqlalchemy.engine import Row

from penstock import champions
from penstock.answers.base import Draft
from penstock.answers.drafts import DraftReader
from penstock.answers.openai import OpenAiChat
from penstock.answers.quality import word_f1
from penstock.errors import UnusableAnswerError
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion.gate import Limit
from penstock.promotion.measured import Sides
from penstock.promotion.questions import TestSet
from penstock.promotion.records import Look
from penstock.settings import GeneratorSettings
from penstock.training.examples import GeneratorExample


def compare(
    platform: Platform, index: str, challenger: Row[Any], test: TestSet, look: Look, progress: Progress
) -> Sides:
    """Send both the same prompts, in turns. Raises ``ModelError`` where one refuses or does not know the name."""
    settings = champions.answering(platform, index).generator
    assert settings is not None, "refusing.require_served asked for it"
    tuned = settings.model_copy(update={"model": champions.SERVED_AS + challenger.id})
    chats = [_chat(platform, one) for one in (settings, tuned)]
    examples = [one for one in test.examples if isinstance(one, GeneratorExample)]
    for chat in chats:
        _said(chat, examples[0])  # one that is away or does not know the name says so before the look
    look.begin()
    progress.stage("ask", 2 * len(examples))
    found: list[dict[str, float]] = [{}, {}]
    times: list[list[float]] = [[], []]
    unusable = [0, 0]
    for example in examples:
        for side, chat in enumerate(chats):
            began = time.perf_counter()
            said = _said(chat, example)
            times[side].append(time.perf_counter() - began)
            found[side][example.id] = 0.0 if said is None else score(example, said)
            unusable[side] += said is None
            progress.advance()
    most = platform.settings.index(index).training.gate.max_latency_ratio
    ratio = median(times[1]) / max(median(times[0]), 1e-9)
    shares = [_by_kind(one, examples) for one in found]
    remarks = ["scored without a judge: words of the quotes, quotes letter by letter, refusals"]
    if any(unusable):
        remarks.append(f"of no use, so 0: {unusable[0]} answers of the champion, {unusable[1]} of the challenger")
    return Sides(
        found[0],
        found[1],
        limits={"its time for an answer, of the champion's": Limit(ratio, most)},
        remarks=tuple(remarks),
        figures={
            "kinds": {"champion": shares[0], "challenger": shares[1]},
            "unusable": {"champion": unusable[0], "challenger": unusable[1]},
        },
    )


def _said(chat: OpenAiChat, example: GeneratorExample) -> list[Draft] | None:
    """What it answers; ``None`` where that is of no use to anybody: it scores 0, also where a refusal is right."""
    try:
        return list(chat.drafts(example.messages))
    except UnusableAnswerError:
        return None


def _chat(platform: Platform, settings: GeneratorSettings) -> OpenAiChat:
    found = platform.generator(settings)
    assert isinstance(found, OpenAiChat), settings.backend
    return found


def score(example: GeneratorExample, said: Sequence[Draft]) -> float:
    """From 0 to 1, see the module. Sentences beside the claims are none, as where an answer is given."""
    claims = [draft for draft in said if not draft.beside]
    if example.refusal or not claims:
        return float(example.refusal and not claims)
    quotes = [quote.text for draft in claims for quote in draft.quotes]
    if not quotes:
        return 0.0
    prompt = _flat(" ".join(message["content"] for message in example.messages if message["role"] == "user"))
    literal = mean(bool(_flat(one)) and _flat(one) in prompt for one in quotes)
    return literal * word_f1(" ".join(quotes), " ".join(_quotes(read(example.answer))))


def read(answer: str) -> list[Draft]:
    """The claims of a text in the format of the prompt."""
    reader = DraftReader()
    return [*reader.feed(answer), *reader.end()]


def _quotes(drafts: Iterable[Draft]) -> list[str]:
    return [quote.text for draft in drafts for quote in draft.quotes]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _by_kind(scores: Mapping[str, float], examples: Sequence[GeneratorExample]) -> dict[str, float]:
    kinds = {name: [scores[one.id] for one in examples if one.refusal is is_refusal] for name, is_refusal in KINDS}
    return {name: mean(values) for name, values in kinds.items() if values}


KINDS = (("answered", False), ("refused", True))
