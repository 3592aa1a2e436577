"""What supervised tuning and preferences teach a small generator, on samples that it has never seen.

    python -m benchmarks.generator --home FOLDER

No chat model comes with the project, so a small decoder is built from a configuration, with random weights, and goes
the line that a user's goes: `train` on answers that were right, then `train` over that model on pairs of a better and a
worse answer. The samples are drawn, no two with the same thing and place, in the form of the platform's own prompts,
their rules and fences shortened.

Most answers that were right quote more than they must. Of a pair the better one quotes as few words as prove the claim,
and the worse one quotes all of the passage, or another passage; or it answers what no passage answers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import learned
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.corpus import VOCABULARY

INDEX = "keepers"
SIZES = {"train": 5600, "validation": 48, "test": 120}
WORDS = 90
"""That places and things are drawn from, each of their own; keepers and the rest from fewer."""
PLACES, THINGS = VOCABULARY[:WORDS], VOCABULARY[WORDS : 2 * WORDS]
KEEPERS, REST = VOCABULARY[200:248], VOCABULARY[300:348]
PASSAGES, REFUSALS, PAIRS, WORDY = 3, 0.15, 0.3, 0.7
"""Passages shown; shares of questions that none answers, of examples that are pairs, of answers that quote too much."""
TOO_MUCH, ANOTHER, ANYWAY = "quotes all of the passage", "quotes another passage", "answers what no passage does"
RULES = """\
Write one JSON object a line: {"claim": "…", "quotes": [{"passage": 1, "quote": "…"}]}. A quote repeats words of the \
passage, as few as prove the claim. Where the passages do not hold the answer, write {"claim": null}."""
HIDDEN, LAYERS, HEADS, VOCABULARY_SIZE = 128, 2, 4, 1000
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
ANSWERS = """
[recipes.answers]
purpose = "generator"
base = "{base}"
method = "full"
learning_rate = 3e-3
epochs = 5
batch = 16
max_length = 384
answer_tokens = 64
measured = 8
prefer = false
"""
PREFERENCES = """
[recipes.preferences]
purpose = "generator"
base = "trained:{model}"
learning_rate = 1e-3
epochs = 0.001
prefer_epochs = 1
batch = 16
max_length = 384
answer_tokens = 64
measured = 8
"""
"""Of answers it makes one step, the first of the warm-up, whose rate is 0: they were learned before."""

Fact = tuple[str, str, str]
"""Place, keeper, thing."""


# -- samples ----------------------------------------------------------------------------------------------------------


def samples() -> list[Any]:
    """Of each split so many, all with another thing and place; every one of the test is a pair."""
    draw = random.Random(0)  # noqa: S311 - no secret
    known = [(place, thing) for place in PLACES for thing in THINGS]
    draw.shuffle(known)
    splits = [split for split, size in SIZES.items() for _ in range(size)]
    return [sample(*one, split, draw) for one, split in zip(known, splits, strict=False)]


def sample(place: str, thing: str, split: str, draw: random.Random) -> Any:
    from penstock.answers.prompt import messages
    from penstock.training.examples import GeneratorExample
    from penstock.training.splits import Split

    refusal = draw.random() < REFUSALS
    keepers = draw.sample(KEEPERS, PASSAGES)
    places = draw.sample([one for one in PLACES if one != place], PASSAGES)
    things = draw.sample([one for one in THINGS if one != thing], PASSAGES)
    facts: list[Fact] = list(zip(places, keepers, things, strict=True))
    right = draw.randrange(PASSAGES)
    if not refusal:
        facts[right] = place, keepers[right], thing
    other = (right + 1) % PASSAGES
    passages = [passage(one, draw) for one in facts]
    few, much, wrong = answer(facts, right), answer(facts, right, passages[right].text), answer(facts, other)
    pair = split == "test" or draw.random() < PAIRS
    if refusal:
        said, worse = json.dumps({"claim": None}), wrong
    else:
        said = few if pair or draw.random() >= WORDY else much
        worse = much if draw.random() < 0.5 else wrong
    query = f"Who keeps the {thing} in {place}?"
    system, user = messages(query, passages, f"{draw.randrange(16**3):03x}")
    return GeneratorExample(
        **learned.said(query, query, f"{place} {thing}", Split(split)),
        messages=({**system, "content": RULES}, user),
        answer=said,
        rejected=worse if pair else None,
        refusal=refusal,
    )


def passage(fact: Fact, draw: random.Random) -> Any:
    from penstock.retrieval import Passage

    text = f"{sentence(fact)} It is {draw.choice(REST)}."
    return Passage("", "pages", "", fact[0], (), None, "", 0, len(text), text, ())


def sentence(fact: Fact) -> str:
    place, keeper, thing = fact
    return f"In {place} {keeper} keeps the {thing}."


def answer(facts: Sequence[Fact], nth: int, quote: str = "") -> str:
    """Claim and quote of one passage; as few words as prove the claim, unless others are given."""
    claim = sentence(facts[nth])
    return json.dumps({"claim": claim, "quotes": [{"passage": nth + 1, "quote": quote or claim}]})


def worse_in(one: Any) -> str:
    """How the worse answer of a pair is worse."""
    if one.refusal:
        return ANYWAY
    return TOO_MUCH if json.loads(one.rejected)["claim"] == json.loads(one.answer)["claim"] else ANOTHER


# -- the model --------------------------------------------------------------------------------------------------------


def build(folder: Path, examples: Sequence[Any]) -> None:
    """A decoder of Llama's kind with random weights; its tokenizer is trained on what it will read."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=list(MARKS), initial_alphabet=alphabet)
    texts = [text for one in examples for text in (*(said["content"] for said in one.messages), one.answer)]
    tokenizer.train_from_iterator(texts, trainer)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        intermediate_size=2 * HIDDEN,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=0.05,
        tie_word_embeddings=True,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": MARKS[0], "eos_token": MARKS[1], "chat_template": CHAT_TEMPLATE}
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(described), encoding="utf-8")


def judge(folder: Path, test: Sequence[Any]) -> dict[str, list[float]]:
    """What a model writes and prefers on the test samples: for each figure a value a sample."""
    from statistics import fmean

    from transformers import AutoModelForCausalLM, AutoTokenizer

    from penstock.promotion import generators
    from penstock.tuning import writing

    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    found: dict[str, list[float]] = {}
    for one in test:
        said = writing.answer(model, tokenizer, one, 64)
        drafts = generators.read(said)
        quotes = [quote.text for draft in drafts for quote in draft.quotes]
        values = {name: float(value) for name, value in writing.read(said, one).items()}
        values["gate"] = generators.score(one, drafts)
        if not one.refusal and quotes:
            values["words quoted"] = fmean(len(text.split()) for text in quotes)
        [prefers] = writing.preferred(model, tokenizer, [one])
        for name, value in (values | {"prefers": prefers, worse_in(one): prefers}).items():
            found.setdefault(name, []).append(value)
    return found


def measure(home: Path, every: int) -> dict[str, Any]:
    from penstock.platform import Platform
    from penstock.purposes import Purpose
    from penstock.settings import load
    from penstock.trained import on_disk
    from penstock.training import sets
    from penstock.training.splits import Split
    from penstock.tuning.running import train

    examples = samples()[::every]
    build(home / "base", examples)
    file = home / "penstock.toml"
    config = learned.platform_of(INDEX) + ANSWERS.format(base=home / "base")
    file.write_text(config, encoding="utf-8")
    platform = Platform(load(file))
    set_ = sets.freeze(platform, INDEX, Purpose.GENERATOR, 1, examples, {}, {})
    test = set_.of(Split.TEST)
    found, minutes = {"before": judge(home / "base", test)}, {}
    for recipe in ("answers", "preferences"):
        began = time.perf_counter()
        model = train(platform, INDEX, Purpose.GENERATOR, recipe, set_.id)
        minutes[recipe] = (time.perf_counter() - began) / 60
        found[recipe] = judge(Path(on_disk(platform, f"trained:{model.id}")) / "merged", test)
        file.write_text(config + PREFERENCES.format(model=model.id), encoding="utf-8")
        platform.close()
        platform = Platform(load(file))
    platform.close()
    rows = {split: len(set_.of(Split(split))) for split in SIZES}
    pairs = sum(one.rejected is not None for one in set_.of(Split.TRAIN))
    return {"found": found, "minutes": minutes, "rows": rows, "pairs": pairs}


# -- the page ---------------------------------------------------------------------------------------------------------

STATES = {"before": "random weights", "answers": "after answers (SFT)", "preferences": "after preferences (DPO)"}
SHARES = {
    "format": "keeps to the format",
    "cited": "and cites: each claim is quoted, each quote stands in a passage",
    "refused rightly": "refuses where nothing answers, and only there",
    "prefers": "prefers the better answer",
    TOO_MUCH: f"… where the worse one {TOO_MUCH}",
    ANOTHER: f"… where it {ANOTHER}",
    ANYWAY: f"… where it {ANYWAY}",
}


def part(bench: Bench) -> Page:
    options = ["--home", str(bench.work / "generator"), "--every", str(bench.every)]
    yield from ("", "## The small generator", "")
    yield from page(measured("generator", [sys.executable, "-m", "benchmarks.generator", *options]))


def page(result: Mapping[str, Any]) -> Iterator[str]:
    found, rows, minutes = result["found"], result["rows"], result["minutes"]
    yield (
        f"A decoder of {LAYERS} layers and width {HIDDEN}, built with random weights; {rows['train']:,} drawn samples "
        f"to train on, {rows['validation']} to choose the checkpoint by, and {rows['test']} that it never saw, all "
        f"pairs. `train` on answers, every weight ({minutes['answers']:.0f} min), then over that model a LoRA on "
        f"{result['pairs']:,} pairs ({minutes['preferences']:.0f} min). Shares with their interval of 95 % (Wilson)."
    )
    yield from ("", row("of the unseen samples", "n", *STATES.values()), row(*["---"] * (2 + len(STATES))))
    for name, said in SHARES.items():
        if name in found["before"]:  # of few samples none may be of a kind
            yield row(said, len(found["before"][name]), *(share(found[state][name]) for state in STATES))
    cells = (f"{sum(one['gate']) / len(one['gate']):.3f}" for one in (found[state] for state in STATES))
    yield row("the gate's score of an answer, mean", rows["test"], *cells)
    words = (found[state].get("words quoted", []) for state in STATES)
    yield row("words in a quote, mean", "", *(f"{sum(one) / len(one):.1f}" if one else "" for one in words))


def share(values: Sequence[float]) -> str:
    from scipy.stats import binomtest

    found = binomtest(round(sum(values)), len(values)).proportion_ci(method="wilson")
    return f"**{sum(values) / len(values):.3f}** [{found.low:.3f}, {found.high:.3f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="every n-th sample only")
    arguments = parser.parse_args()
    arguments.home.mkdir(parents=True, exist_ok=True)
    print(json.dumps(measure(arguments.home, arguments.every)))
