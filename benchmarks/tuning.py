"""What tuning the default embedder is worth on FeedbackQA, from feedback and from questions, and what it costs.

    python -m benchmarks.tuning --home FOLDER --data feedback --seed 0

The line that a user goes: the passages of CDC, UK and WHO are synced, what people said of answers is imported, and
`trainset build` makes of it what `train` learns from, with the built-in recipe and a guard. The other data are frozen
as sets: questions with their passages, those of two sites, and the feedback with passages of others, which teaches
nothing. Nothing that equals or nearly equals a test question is learned.

Judged by exact search for the 1,518 test questions, each among the passages of its own site, and by SciFact's test
queries, which is what must not be forgotten; what feedback and shuffled passages taught is judged by the gate as well,
which builds a release with each. Which questions the log keeps for the gate differs from home to home: they are split
by digests under a key of the home's own. The mix of weights is chosen on validation data and, as a guard, training
queries of SciFact; others of them are replayed. Minutes a seed on two idle cores: about 15 for feedback and 30 for
questions.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import learned, scifact
from benchmarks.bench import Bench, Page, row
from benchmarks.replay import data_folder

from penstock import wording

DATA = "feedbackqa"
DOMAINS = ("CDC", "UK", "WHO")
INDEX = "covid"
KINDS = {
    "feedback": "feedback, and headings",
    "questions": "training questions",
    "two-sites": "training questions of CDC and UK",
    "no-headings": "feedback alone",
    "no-replay": "feedback, and headings, nothing replayed",
    "shuffled": "feedback, its passages shuffled",
}
RUNS = (*(("feedback", seed) for seed in range(3)), *((data, 0) for data in KINDS if data != "feedback"))
GATED = ("feedback", "shuffled")
"""Those that are compared with the champion as `penstock compare` does."""
HEADINGS = 600
TEST_EXAMPLES = 50
"""The default is 100, and the log keeps fewer for the gate: by default nothing is compared."""
GUARD_PAIRS, GUARD_PASSAGES = 300, 500
GUARD, REPLAY = "guard.jsonl", "replay.jsonl"
MEASURES = ("R@1", "R@5", "nDCG@10")

CONFIG = f"""\
{learned.platform_of(INDEX)}\
headings = {HEADINGS}

[indexes.{INDEX}.training.gate]
min_test_examples = {TEST_EXAMPLES}

[indexes.{INDEX}.feedback]
question = "question"
shown = "[join('', [domain, '/', to_string(passage_id), '.md'])]"
rating = "rating"
comment = "feedback"
each = ["rating", "feedback"]
ratings = {{ "Excellent" = 1.0, "Acceptable" = 0.5, "Could be Improved" = -0.5, "Bad" = -1.0 }}
where = "split != 'test'"
"""
RECIPE = """
[recipes.{data}-{seed}]
purpose = "embedder"
seed = {seed}
negatives = {negatives}
guard = "{guard}"
{replay}"""
WITHOUT_NEGATIVES = ("questions", "two-sites", "shuffled")
"""None are known there but those of the batch."""

Values = Mapping[str, float]


def passages() -> dict[str, str]:
    """Passage by its name, DOMAIN/ID, its title before its text."""
    return {name: f"{title}\n\n{text}" for name, title, text in corpus()}


def pages() -> dict[str, str]:
    """The same as Markdown: a title is the path of headings above a passage."""
    return {name: "\n\n".join([*headings(title), text, ""]) for name, title, text in corpus()}


def corpus() -> Iterator[tuple[str, str, str]]:
    """Name, title and text of each passage."""
    for domain in DOMAINS:
        for one in scifact.lines(data_folder() / DATA / domain / "corpus.jsonl"):
            yield f"{domain}/{one['_id']}", one["title"].strip(), one["text"]


def headings(title: str) -> list[str]:
    """
    >>> headings("Questions | Who may swim?")
    ['# Questions', '## Who may swim?']
    """
    return [f"{'#' * min(depth, 6)} {one}" for depth, one in enumerate(title.split(" | "), 1)]


def questions(split: str) -> dict[str, tuple[str, list[str]]]:
    """Question → its words, and the names of the passages that answer it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for domain in DOMAINS:
        folder = data_folder() / DATA / domain
        said = {one["_id"]: one["text"] for one in scifact.lines(folder / "queries.jsonl")}
        for line in (folder / "qrels" / f"{split}.tsv").read_text("utf-8").splitlines()[1:]:
            name, passage, _ = line.split("\t")
            found.setdefault(f"{domain}/{name}", (said[name], []))[1].append(f"{domain}/{passage}")
    return found


# -- what is learned from ---------------------------------------------------------------------------------------------


def prepare(home: Path, recipe: str = "") -> Any:
    """The platform with the passages published and the feedback imported; ``recipe`` is one more."""
    from penstock import feedback
    from penstock.platform import Platform
    from penstock.settings import load
    from penstock.sync import sync

    for name, text in pages().items():
        path = home / "documents" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    recipes = (recipe_of(data, seed) for data, seed in RUNS)
    (home / "penstock.toml").write_text("".join([CONFIG, *recipes, recipe]), encoding="utf-8")
    write_old_pairs(home)
    platform = Platform(load(home / "penstock.toml"))
    report = sync(platform, INDEX)
    assert report.state in ("published", "unchanged"), report.message
    feedback.import_files(platform, INDEX, [str(data_folder() / DATA / "feedback.jsonl")])
    return platform


def recipe_of(data: str, seed: int) -> str:
    replay = "" if data == "no-replay" else f'replay = "{REPLAY}"\n'
    negatives = 0 if data in WITHOUT_NEGATIVES else 2
    return RECIPE.format(data=data, seed=seed, negatives=negatives, guard=GUARD, replay=replay)


def made(platform: Any, data: str, every: int) -> Any:
    """The training set of one of ``KINDS``."""
    from penstock.purposes import Purpose
    from penstock.training import sets
    from penstock.training.building import Options, build

    if data in ("questions", "two-sites"):
        examples = of_questions(DOMAINS if data == "questions" else DOMAINS[:2])[::every]
    else:
        guards = tuple(data_folder() / DATA / domain for domain in DOMAINS)
        built = build(platform, INDEX, Purpose.EMBEDDER, Options(guards=guards, drop_leaks=True))
        if data in ("feedback", "no-replay"):
            return built
        examples = [one for one in built.examples if one.asked] if data == "no-headings" else shuffled(built.examples)
    return sets.freeze(platform, INDEX, Purpose.EMBEDDER, 1, examples, {}, {})


def shuffled(examples: Sequence[Any]) -> list[Any]:
    """Each question with another's passage, and no negatives: the right one would be among them."""
    others = list(examples)
    random.Random(0).shuffle(others)  # noqa: S311 - no secret
    return [
        replace(one, id=f"{one.id[:-1]}s", positive=other.positive, group=other.group, split=one.split, negatives=())
        for one, other in zip(examples, others, strict=True)
    ]


def of_questions(domains: Sequence[str]) -> list[Any]:
    from penstock.training.examples import EmbedderExample
    from penstock.training.leaks import leaks
    from penstock.training.splits import Split

    texts = passages()
    rows = [
        (name, said, right[0], split)
        for split, of in ((Split.TRAIN, "train"), (Split.VALIDATION, "valid"))
        for name, (said, right) in questions(of).items()
        if name.startswith(tuple(domains))
    ]
    judged = {name: said for name, (said, _) in questions("test").items()}
    leaked = {one.example for one in leaks({name: said for name, said, *_ in rows}, judged)}
    return [
        EmbedderExample(
            **learned.said(name, said, right, split, "en"),
            positive=texts[right],
            negatives=(),
            relevant={},
        )
        for name, said, right, split in rows
        if name not in leaked
    ]


def write_old_pairs(home: Path) -> None:
    """Training queries of SciFact with their abstracts: some are the guard, with abstracts that stand in the way.

    The pairs of other queries are replayed.
    """
    folder = data_folder() / scifact.DATA
    corpus = {one["_id"]: f"{one['title']} {one['text']}" for one in scifact.lines(folder / "corpus.jsonl")}
    said = {one["_id"]: one["text"] for one in scifact.lines(folder / "queries_all.jsonl")}
    pairs = [line.split("\t") for line in (folder / "qrels" / "train.tsv").read_text("utf-8").splitlines()[1:]]
    guarded = {name for name, *_ in pairs[:GUARD_PAIRS]}
    guard: list[dict[str, str]] = [{"passage": text} for text in list(corpus.values())[:GUARD_PASSAGES]]
    replay: list[dict[str, str]] = []
    for name, right, _ in pairs:
        (guard if name in guarded else replay).append({"question": said[name], "passage": corpus[right]})
    for path, held in ((home / GUARD, guard), (home / REPLAY, replay)):
        path.write_text("".join(f"{json.dumps(one)}\n" for one in held), encoding="utf-8")


# -- what it is judged by ---------------------------------------------------------------------------------------------


def judge(settings: Any, every: int) -> dict[str, Any]:
    """By test question its measures, and SciFact's nDCG@10."""
    from penstock.embedding import open_embedder
    from penstock.tuning import ranking

    texts, test, embedder = passages(), dict(list(questions("test").items())[::every]), open_embedder(settings)
    found: dict[str, Values] = {}
    for domain in DOMAINS:
        among = [text for name, text in texts.items() if name.startswith(f"{domain}/")]
        asked = {name: one for name, one in test.items() if name.startswith(f"{domain}/")}
        pairs = [(said, texts[one]) for said, right in asked.values() for one in right]
        over = ranking.of_pairs(pairs, among)
        found |= zip(asked, ranking.by_question(ranking.scores(embedder, over), over), strict=True)
    return {"found": found, "SciFact": scifact.measure(data_folder() / scifact.DATA, settings)["ndcg"]}


def gain(after: Mapping[str, Values], before: Mapping[str, Values]) -> dict[str, float]:
    """Of nDCG@10, with its interval of 95 %, luck drawn by passage."""
    from penstock.promotion.gains import gain as gained

    groups = {name: right[0] for name, (_, right) in questions("test").items()}
    differences = [after[name]["nDCG@10"] - before[name]["nDCG@10"] for name in after]
    return gained(differences, [groups[name] for name in after], alpha=0.025).to_dict()


def measure(home: Path, data: str, seed: int, every: int) -> dict[str, Any]:
    from penstock.promotion.comparing import compare
    from penstock.purposes import Purpose
    from penstock.settings import EmbedderSettings
    from penstock.trained import on_disk
    from penstock.tuning.running import train

    home.mkdir(parents=True, exist_ok=True)
    platform = prepare(home)
    set_ = made(platform, data, every)
    began = time.perf_counter()
    model = train(platform, INDEX, Purpose.EMBEDDER, f"{data}-{seed}", set_.id)
    minutes = (time.perf_counter() - began) / 60
    plain = EmbedderSettings()
    kept = home / "base.json"
    if not kept.exists():
        kept.write_text(json.dumps(judge(plain, every)))
    base = json.loads(kept.read_text())
    tuned = judge(plain.model_copy(update={"model": on_disk(platform, f"trained:{model.id}")}), every)
    gate = compare(platform, INDEX, model.id).to_dict() if data in GATED else None
    platform.close()
    by_site = {"all": "", **{domain: f"{domain}/" for domain in DOMAINS}}
    return {
        "base": {site: means(base, start) for site, start in by_site.items()},
        "tuned": {site: means(tuned, start) for site, start in by_site.items()},
        "gains": {site: gain(of(tuned, start), of(base, start)) for site, start in by_site.items()},
        "SciFact": {"base": base["SciFact"], "tuned": tuned["SciFact"]},
        "figures": dict(model.figures),
        "rows": {str(split): len(set_.of(split)) for split in {one.split for one in set_.examples}},
        "minutes": minutes,
        "estimate": model.estimate,
        "model": model.id,
        "gate": gate,
    }


def of(judged: Mapping[str, Any], start: str) -> dict[str, Values]:
    return {name: values for name, values in judged["found"].items() if name.startswith(start)}


def means(judged: Mapping[str, Any], start: str) -> dict[str, float]:
    found = of(judged, start).values()
    return {name: sum(one[name] for one in found) / len(found) for name in MEASURES}


# -- the page ---------------------------------------------------------------------------------------------------------


def part(bench: Bench) -> Page:
    found = {(data, seed): bench.tuned(data, seed) for data, seed in RUNS}
    yield from ("", "## Tuning the default embedder", "")
    yield from page(found)


def page(found: Mapping[tuple[str, int], Mapping[str, Any]]) -> Iterator[str]:
    yield (
        "FeedbackQA, 1,518 test questions, each by exact search among the passages of its own site, and SciFact's test "
        "queries. The built-in recipe; the mix of base and tuned weights was chosen on validation data and a guard of "
        "SciFact's training queries, others of which were replayed. Beside feedback the set holds sections to be found "
        f"by their headings, {HEADINGS} of its rows. Gains with their interval of 95 %, luck drawn by passage."
    )
    named = ("trained on", "rows", "seed", "minutes", "mix", *MEASURES, "gain in nDCG@10", "SciFact nDCG@10")
    yield from ("", row(*named), row(*["---"] * len(named)))
    first = next(iter(found.values()))
    yield row("nothing", "", "", "", "", *cells(first["base"]["all"]), "", f"{first['SciFact']['base']:.3f}")
    for (data, seed), one in found.items():
        said = (one["rows"]["train"], seed, f"{one['minutes']:.0f}", one["figures"]["mix"])
        scifacts = f"{one['SciFact']['tuned']:.3f}"
        yield row(KINDS[data], *said, *cells(one["tuned"]["all"]), wording.gain(one["gains"]["all"]), scifacts)
    yield from ("", row("trained on", *DOMAINS), row(*["---"] * (1 + len(DOMAINS))))
    for (data, seed), one in found.items():
        yield row(f"{KINDS[data]}, seed {seed}", *(wording.gain(one["gains"][domain]) for domain in DOMAINS))
    least = f"with fewer than {TEST_EXAMPLES} (the default: 100) it compares nothing"
    yield from ("", f"What `penstock compare` said, on the questions that the log keeps for it; {least}:", "")
    for (data, seed), one in found.items():
        if gate := one["gate"]:
            yield f"- {KINDS[data]}, seed {seed}: {gate['outcome']}. {'; '.join(gate['reasons'])}"


def cells(found: Values) -> list[str]:
    return [f"{found[name]:.3f}" for name in MEASURES]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", choices=KINDS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="every n-th example and question only")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.home, arguments.data, arguments.seed, arguments.every)))
