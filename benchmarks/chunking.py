"""What the chunker costs and what it is worth: index rows, texts embedded anew, recall at an equal token budget.

    python -m benchmarks.chunking [--data ../shared/data] [--sizes 150,200,250] [--commits 40]

Part 1 plays the last commits of two documentation sites and counts the texts that were never embedded before.
Part 2 (``chunk_recall.py``) asks 472 questions of the pieces of our chunker and of others (``chunk_cutters.py``).
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

from benchmarks.chunk_cutters import TOKENIZER
from benchmarks.chunk_recall import recall

from penstock.chunking import chunk, embedding_text
from penstock.parsing import ParseJob, ParserPool
from penstock.records import Chunk, Parsed
from penstock.settings import ChunkerSettings, ParserSettings


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sizes", default="150,200,250", help="tokens of a piece at most, for part 2")
    parser.add_argument("--commits", type=int, default=40)
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    if not arguments.data.is_dir():
        sys.exit(f"no data at {arguments.data.absolute()}; name the folder with --data")
    for site in ("etcd_website", "helm_www"):
        churn(arguments.data / "replay" / site, arguments.commits, ChunkerSettings())
    recall(arguments.data / "chunking", sizes)


if __name__ == "__main__":
    main()
