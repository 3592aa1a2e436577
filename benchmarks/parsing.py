"""What parsing keeps: articles freed of their pages, and text, order and tables of documents in many formats.

    .venv/bin/python benchmarks/parsing.py [--data ../shared/data] [--each]

Part 1 takes the main text of 181 web pages and compares it with what a person marked: F1 over runs of four words, as
the article extraction benchmark of Scrapinghub counts it. Part 2 parses documents that Docling's authors keep with
their Markdown, which is taken as the reference though a program wrote it:

    text    share of the reference's words that are there
    order   of the runs of four words that stand once in each, the share that stands in the same order
    rows    share of the reference's table rows of which every cell stands in one row, in order; where the reference
            says a cell once more for each column that it spans, an empty cell will do

A document that is refused is counted apart; ``--each`` prints every document.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path
from typing import NamedTuple

from penstock.parsing import ParseJob, ParserPool
from penstock.records import Parsed, Refusal
from penstock.settings import ParserSettings

RUN = 4
WORD = re.compile(r"[^\W_]+")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
RULE = re.compile(r"[\s|:-]*")
CELL_END = re.compile(r"(?<!\\)\|")

Run = tuple[str, ...]


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def runs(found: Sequence[str], length: int = RUN) -> list[Run]:
    return [tuple(found[at : at + length]) for at in range(max(1, len(found) - length + 1))] if found else []


# Part 1: articles


def articles(folder: Path, pool: ParserPool) -> None:
    truth = json.loads((folder / "ground-truth.json").read_text())
    jobs = (
        ParseJob(name, f"{name}.html", gzip.decompress((folder / f"html/{name}.html.gz").read_bytes()))
        for name in truth
    )
    outcomes = {job.id: outcome for job, outcome in pool.parse_many(jobs)}
    for what, skip in (("as indexed, their titles with them", False), ("without the title on top", True)):
        scores = [overlap(truth[name]["articleBody"], body(outcome, skip)) for name, outcome in outcomes.items()]
        precision = mean([right / (right + more) for right, more, _ in scores if right + more])
        recall = mean([right / (right + less) for right, _, less in scores if right + less])
        f1 = 2 * precision * recall / (precision + recall)
        print(f"{len(scores)} articles, {what}: F1 {f1:.3f}, precision {precision:.3f}, recall {recall:.3f}")
    print()


def body(outcome: Parsed | Refusal, without_title: bool) -> str:
    """The text. The reference leaves the title out, which for a search belongs to the article."""
    if isinstance(outcome, Refusal):
        return ""
    elements = outcome.elements
    skip = without_title and elements[0].kind == "title"
    return "\n".join(one.text for one in elements[skip:])


def overlap(true: str, found: str) -> tuple[float, float, float]:
    """Runs in both, only found, only true: as shares, so that a long article weighs no more than a short one."""
    wanted, got = (Counter(runs(re.findall(r"\w+", text))) for text in (true, found))
    counts = (wanted & got).total(), (got - wanted).total(), (wanted - got).total()
    whole = sum(counts) or 1
    return counts[0] / whole, counts[1] / whole, counts[2] / whole


# Part 2: documents


class Score(NamedTuple):
    """Shares; ``None`` where the reference has nothing to compare."""

    text: float | None
    order: float | None
    rows: float | None


def documents(folder: Path, pool: ParserPool, each: bool) -> None:
    pairs = dict(references(folder))
    jobs = (ParseJob(str(source), source.name, source.read_bytes()) for source in pairs)
    scores: dict[str, list[Score]] = defaultdict(list)
    refused: Counter[str] = Counter()
    for job, outcome in pool.parse_many(jobs):
        source = Path(job.id)
        reference = pairs[source].read_text(encoding="utf-8")
        if isinstance(outcome, Refusal):
            refused[f"{source.parent.name} {outcome.reason}"] += 1
            continue
        scores[source.parent.name].append(score := scored(reference, outcome))
        if each:
            print(f"{source.parent.name + '/' + source.name:55} {row(score)}")
    print(f"{'format':10} documents    text   order    rows")
    for name, found in sorted(scores.items()):
        print(f"{name:10} {len(found):9} {row(means(found))}")
    every = [one for found in scores.values() for one in found]
    print(f"{'all':10} {len(every):9} {row(means(every))}")
    print(f"\nrefused: {', '.join(f'{count} {what}' for what, count in sorted(refused.items())) or 'none'}")


def references(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Every document with its reference; OCR is not what is measured here."""
    for reference in sorted((folder / "docling_groundtruth").rglob("*.md")):
        kind, name = reference.parent.name, reference.name.removesuffix(".md")
        for source in (folder / "docling" / kind / name, folder / "docling" / kind / f"{name}.{kind}"):
            if source.is_file():
                yield source, reference


def scored(reference: str, parsed: Parsed) -> Score:
    text = LINK.sub(r"\1", unescape(COMMENT.sub("", reference))).replace("\\", "")
    wanted, got = words(text), words(parsed.text)
    there = (Counter(wanted) & Counter(got)).total()
    return Score(there / len(wanted) if wanted else None, order(wanted, got), rows_kept(reference, parsed))


def order(wanted: Sequence[str], got: Sequence[str]) -> float | None:
    """The longest rising sequence of places, over all runs that stand exactly once on either side."""
    places = {run: at for at, run in enumerate(runs(got))}
    in_each = ({run for run, times in Counter(runs(side)).items() if times == 1} for side in (wanted, got))
    once = set.intersection(*in_each)
    ends: list[int] = []
    common = [places[run] for run in runs(wanted) if run in once]
    for place in common:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends) / len(common) if common else None


def rows_kept(reference: str, parsed: Parsed) -> float | None:
    tables = (one.text for one in parsed.elements if one.kind == "table")
    got = [cells_of(line) for text in tables for line in text.splitlines()]
    lines = (cells_of(line) for line in reference.splitlines() if line.startswith("|"))
    wanted = [cells for line in lines if (cells := [cell for cell in line if cell])]
    firsts: dict[Run, list[list[Run]]] = defaultdict(list)
    for row_ in got:
        for cell in set(row_):
            firsts[cell].append(row_)
    kept = sum(any(in_order(cells, row_) for row_ in firsts[cells[0]]) for cells in wanted)
    return kept / len(wanted) if wanted else None


def cells_of(line: str) -> list[Run]:
    """The words of each cell; none for the rule below a header."""
    if RULE.fullmatch(line):
        return []
    plain = LINK.sub(r"\1", COMMENT.sub("", line))
    return [tuple(words(unescape(part).replace("\\", ""))) for part in CELL_END.split(plain)]


def in_order(cells: Sequence[Run], row_: Sequence[Run]) -> bool:
    rest = iter(row_)
    return all(
        any(found == cell or (not found and before == cell) for found in rest)
        for before, cell in zip([None, *cells], cells, strict=False)
    )


def means(scores: Sequence[Score]) -> Score:
    columns = ([value for value in column if value is not None] for column in zip(*scores, strict=True))
    return Score(*(mean(column) if column else None for column in columns))


def row(score: Score) -> str:
    return " ".join("      –" if value is None else f"{value:7.3f}" for value in score)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", action="store_true", help="print every document")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"no data at {arguments.data.absolute()}; name the folder with --data")
    with ParserPool(ParserSettings()) as pool:
        articles(arguments.data / "article_extraction", pool)
        documents(arguments.data / "parse", pool, arguments.each)


if __name__ == "__main__":
    main()
