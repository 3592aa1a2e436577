"""What a challenger may not lose: the golden questions of the index, and question sets of other domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.embedding.base import Embedder
from penstock.embedding.cache import VectorCache, text_hash
from penstock.errors import UsageError
from penstock.evaluation import beir
from penstock.evaluation.lines import lines, parsed
from penstock.platform import Platform
from penstock.promotion.gains import Gain, gain
from penstock.promotion.screening import main, ranked
from penstock.promotion_settings import GuardSettings
from penstock.reranking.base import Reranker
from penstock.wording import count

ALPHA = 0.025
"""One-sided: the interval of a guard is that of 95 %."""
RERANKED = 20
GOLDEN = "golden questions"

Guards = dict[str, tuple[Gain, float]]


@dataclass(frozen=True, slots=True)
class Domain:
    """A BEIR folder with its corpus: question → text, question → document → grade, document → text."""

    questions: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]
    corpus: Mapping[str, str]


FEWEST = 2
"""Questions of a guard: of fewer there is no interval."""


def read(settings: GuardSettings) -> Domain:
    """The questions that the corpus holds an answer to.

    Raises ``UsageError`` naming the file that is missing or cannot be read, or where those are too few to tell.
    """
    found = beir.read(settings.path, settings.split)
    corpus = _corpus(settings.path / "corpus.jsonl")
    relevant = {
        one.id: held
        for one in found.questions
        if (held := {name: grade for name, grade in one.answers.items() if name in corpus})
    }
    if len(relevant) < FEWEST:
        raise UsageError(
            f"the guard {settings.path} has {count(len(relevant), 'question')} in split {settings.split} that a "
            f"document of its corpus.jsonl answers, which tells nothing; it takes {FEWEST} at least"
        )
    return Domain({one.id: one.text for one in found.questions if one.id in relevant}, relevant, corpus)


def _corpus(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise UsageError(f"{path}: No such file or directory; a guard needs the documents of its domain")
    return dict(_document(place, text) for place, text in lines(path))


def _document(place: str, text: str) -> tuple[str, str]:
    row = parsed(place, text)
    try:
        return str(row["_id"]), " ".join(part for part in (row.get("title"), row["text"]) if part)
    except (KeyError, TypeError) as error:
        raise UsageError(f"{place}: a document is a JSON object with _id and text ({error!r})") from None


def compared(champion: Mapping[str, float], challenger: Mapping[str, float], max_loss: float) -> tuple[Gain, float]:
    """The gain on a guard of two questions or more, each a group of its own."""
    both = sorted(champion.keys() & challenger.keys())
    return gain([challenger[one] - champion[one] for one in both], both, ALPHA, -max_loss), max_loss


def of_embedders(
    platform: Platform, run_id: int, guards: Mapping[str, GuardSettings], champion: Embedder, challenger: Embedder
) -> Guards:
    """Both rank each domain's corpus exactly. What was embedded of it is kept for the next challenger."""
    found: Guards = {}
    for name, settings in guards.items():
        domain = read(settings)
        before, after = (_of_embedder(platform, run_id, domain, one) for one in (champion, challenger))
        found[name] = compared(before, after, settings.max_loss)
    return found


def _of_embedder(platform: Platform, run_id: int, domain: Domain, embedder: Embedder) -> dict[str, float]:
    return main(domain.relevant, _rankings(platform, run_id, domain, embedder))


def _rankings(platform: Platform, run_id: int, domain: Domain, embedder: Embedder) -> dict[str, list[str]]:
    cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
    names, texts = list(domain.corpus), list(domain.corpus.values())
    cache.embed({text_hash(text): text for text in texts}, embedder, run_id)
    vectors = cache.get([text_hash(text) for text in texts])
    return {id_: ranked(embedder.embed_query(text), vectors, names) for id_, text in domain.questions.items()}


def of_rerankers(
    platform: Platform,
    run_id: int,
    guards: Mapping[str, GuardSettings],
    embedder: Embedder,
    champion: Reranker | None,
    challenger: Reranker,
) -> Guards:
    """Both order what one embedder finds in each domain; without a champion its order stands."""
    found: Guards = {}
    for name, settings in guards.items():
        domain = read(settings)
        first = {id_: order[:RERANKED] for id_, order in _rankings(platform, run_id, domain, embedder).items()}
        orders = (_reordered(domain, first, one) if one else first for one in (champion, challenger))
        before, after = (main(domain.relevant, one) for one in orders)
        found[name] = compared(before, after, settings.max_loss)
    return found


def _reordered(domain: Domain, first: Mapping[str, Sequence[str]], reranker: Reranker) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for id_, order in first.items():
        ranking = reranker.rerank(domain.questions[id_], [domain.corpus[one] for one in order])
        found[id_] = [order[hit.place] for hit in ranking.hits]
    return found
