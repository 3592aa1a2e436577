"""Recall of chunkers at an equal token budget, and how much of the difference is luck.

472 questions with gold spans; BM25 ranks each chunker's pieces, which are taken in order until the budget is used up,
the last one in part. Recall is the share of the gold characters retrieved, the mean over the questions and the budgets.
Where a boundary falls is luck, and much of what parts two chunkers: so each is measured at three sizes, and penstock's
lead is given with its 95 % interval (BCa bootstrap over the questions, paired; Efron, "Better Bootstrap Confidence
Intervals", 1987).
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks.chunk_cutters import PENSTOCK, Piece, chunkers
from numpy.typing import NDArray
from scipy.stats import bootstrap

BUDGETS = (500, 1000, 2000)
WORD = re.compile(r"\w+")
HEAD = f"{'':34} pieces tokens  recall at {' / '.join(map(str, BUDGETS))} tokens     mean  penstock's lead"


class Question(NamedTuple):
    text: str
    corpus: str
    gold: list[tuple[int, int]]


def recall(folder: Path, sizes: Sequence[int]) -> None:
    """Print a table for each size, in tokens, and one of the means over the sizes."""
    questions = asked(folder / "questions_df.csv")
    corpora = {name: (folder / "corpora" / f"{name}.md").read_text() for name in {q.corpus for q in questions}}
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for size in sizes:
        print(f"\n{f'at most {size} tokens':34}{HEAD[34:]}")
        for name, chunker in chunkers(size, list(corpora.values())):
            pieces = {corpus: chunker(text) for corpus, text in corpora.items()}
            shares = recalls(questions, pieces)
            found[name].append(shares.mean(axis=1))
            every = [piece.tokens for part in pieces.values() for piece in part]
            line = (
                f"{name:34} {len(every):6} {np.mean(every):6.0f}  {'  '.join(f'{s:.4f}' for s in shares.mean(axis=0))}"
            )
            print(
                f"{line}                {shares.mean():.4f}  {lead(found[PENSTOCK][-1], found[name][-1])}", flush=True
            )
    print(f"\nmean over sizes {', '.join(map(str, sizes))}")
    means = {name: np.mean(each, axis=0) for name, each in found.items()}
    for name, mean in means.items():
        print(f"{name:34} {mean.mean():.4f}  {lead(means[PENSTOCK], mean)}")


def asked(path: Path) -> list[Question]:
    with path.open() as lines:
        return [
            Question(
                row["question"],
                row["corpus_id"],
                [(ref["start_index"], ref["end_index"]) for ref in json.loads(row["references"])],
            )
            for row in csv.DictReader(lines)
        ]


def lead(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """The mean of the differences of each question, and where it lies in 95 of 100 samples of questions."""
    differences = ours - theirs
    if not differences.any():
        return ""
    interval = bootstrap((differences,), np.mean, n_resamples=5000, rng=0).confidence_interval
    return f"{differences.mean():+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def recalls(questions: Sequence[Question], pieces: Mapping[str, Sequence[Piece]]) -> NDArray[np.float64]:
    """Return the share of each question's gold that each budget retrieves, shape (questions, budgets)."""
    ranks = {corpus: Bm25([piece.text for piece in part]) for corpus, part in pieces.items()}
    shares = np.empty((len(questions), len(BUDGETS)))
    for nth, question in enumerate(questions):
        ranked = [pieces[question.corpus][at] for at in ranks[question.corpus].rank(question.text)]
        gold = [at for start, end in question.gold for at in range(start, end)]
        for column, budget in enumerate(BUDGETS):
            seen = retrieved(ranked, budget)
            shares[nth, column] = sum(at in seen for at in gold) / len(gold)
    return shares


def retrieved(ranked: Iterable[Piece], budget: int) -> set[int]:
    """The places in the raw text that the first ``budget`` tokens of a ranking show."""
    left, seen = budget, set[int]()
    for start, end, tokens, _ in ranked:
        if left <= 0:
            break
        seen.update(range(start, end if tokens <= left else start + (end - start) * left // tokens))
        left -= tokens
    return seen


class Bm25:
    """Robertson's BM25 with Lucene's idf, k1 1.2 and b 0.75."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(WORD.findall(text.lower())) for text in texts]
        lengths = [count.total() for count in counts]
        mean = sum(lengths) / len(lengths)
        self._norms = [1.2 * (0.25 + 0.75 * length / mean) for length in lengths]
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for nth, count in enumerate(counts):
            for word, times in count.items():
                self._postings[word].append((nth, times))

    def rank(self, question: str) -> list[int]:
        scores: dict[int, float] = defaultdict(float)
        for word in WORD.findall(question.lower()):
            postings = self._postings.get(word, [])
            idf = math.log(1 + (len(self._norms) - len(postings) + 0.5) / (len(postings) + 0.5))
            for nth, times in postings:
                scores[nth] += idf * times * 2.2 / (times + self._norms[nth])
        return sorted(scores, key=lambda nth: -scores[nth])
