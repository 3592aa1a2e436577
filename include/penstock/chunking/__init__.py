"""Parsed documents to chunks: cut by structure, at places that the content decides.

Titles are hard cuts, so that sections know nothing of one another; within a section that exceeds the budget,
``cuts`` picks the places. Two versions of a page give identical chunks wherever their text is identical.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from penstock.chunking.codec import from_json, to_json
from penstock.chunking.cuts import cut
from penstock.chunking.units import Seam, TokenCount, Unit, sentences, units_of
from penstock.embedding.base import Tokenizer
from penstock.ids import fingerprint
from penstock.records import Chunk, Element, IndexRow, Parsed
from penstock.settings import ChunkerSettings

__all__ = ["CHUNKER_REVISION", "chunk", "chunker_fingerprint", "embedding_text", "from_json", "sentences", "to_json"]

CHUNKER_REVISION = 1
"""Raised whenever the same elements may come out cut differently."""


MAX_PATH_CHARS = 120
"""So much of a heading path is embedded with a chunk; its outer headings give way first."""


def chunk(parsed: Parsed, tokenizer: Tokenizer, settings: ChunkerSettings, max_input: int | None = None) -> list[Chunk]:
    """Cut a document into chunks of at most ``settings.max_tokens`` tokens, in the order of the text.

    ``max_input`` is what the embedder reads of one text, in tokens: below a long heading path chunks are smaller, so
    that nothing of them is ignored.
    Spans do not overlap, and hold every character but space; a title that stands directly above a deeper title
    is the one exception, since the ``headings`` of the chunks below carry it.
    """
    text = parsed.text
    count = TokenCount(parsed.elements, tokenizer)
    sections = [
        (section, next((e.headings for e in section if e.kind != "title"), _path_below(section[0])))
        for section in _sections(parsed.elements)
    ]
    contexts = tokenizer.spans([_context(path) for _, path in sections])
    chunks: list[Chunk] = []
    for (section, path), context in zip(sections, contexts, strict=True):
        limit = settings.max_tokens
        if max_input is not None:
            limit = max(min(limit, max_input - len(context)), 1)
        units = _units(text, section, count, limit)
        for run in cut(text, units, limit):
            chunks.append(_chunk(text, run, path, section))
    return chunks


def chunker_fingerprint(settings: ChunkerSettings, tokenizer_fingerprint: str) -> str:
    """Hash of all that decides where chunks are cut; whether headings are embedded does not."""
    return fingerprint(
        {"chunker": CHUNKER_REVISION, "max_tokens": settings.max_tokens, "tokenizer": tokenizer_fingerprint}
    )


def embedding_text(chunk: Chunk | IndexRow, settings: ChunkerSettings) -> str:
    """What is embedded for a chunk: its heading path, a line break, its text.

    The section's own title is left out of the path where the text begins with it.
    """
    if not settings.headings:
        return chunk.text
    path = chunk.headings
    if path and (chunk.text == path[-1] or chunk.text.startswith(f"{path[-1]}\n")):
        path = path[:-1]
    return f"{_context(path)}\n{chunk.text}" if path else chunk.text


def _context(path: Sequence[str]) -> str:
    """The innermost headings that fit; of one that is too long by itself, its beginning."""
    while len(path) > 1 and len(" > ".join(path)) > MAX_PATH_CHARS:
        path = path[1:]
    return " > ".join(path)[:MAX_PATH_CHARS]


def _sections(elements: Sequence[Element]) -> Iterator[list[Element]]:
    """Group elements under the title that they follow; a title that only stands above deeper ones is left out."""
    section: list[Element] = []
    for element in elements:
        if not element.text.strip():
            continue
        if element.kind == "title" and section:
            if not _only_leads_to(section, element):
                yield section
            section = []
        section.append(element)
    if section:
        yield section


def _only_leads_to(section: Sequence[Element], title: Element) -> bool:
    above = section[0]
    path = _path_below(above)
    return len(section) == 1 and above.kind == "title" and title.headings[: len(path)] == path


def _path_below(title: Element) -> tuple[str, ...]:
    return (*title.headings, " ".join(title.text.split()))


def _units(text: str, section: Sequence[Element], count: TokenCount, limit: int) -> list[Unit]:
    """The section's units. Its title is one with the first piece of what follows, unless it leaves that no room."""
    title, body = (section[0], section[1:]) if section[0].kind == "title" else (None, section)
    if title is None:
        return [unit for element in body for unit in units_of(text, element, count, limit, limit)]
    heads = units_of(text, title, count, limit, limit)
    room = limit - heads[-1].tokens
    glued = bool(body) and len(heads) == 1 and room >= limit // 2
    tail = [
        unit
        for nth, element in enumerate(body)
        for unit in units_of(text, element, count, limit, room if glued and nth == 0 else limit)
    ]
    if not glued:
        return heads + tail
    first = tail[0]
    joined = Unit(heads[0].start, first.end, heads[0].tokens + first.tokens, first.kind, Seam.ELEMENT)
    return [joined, *tail[1:]]


def _chunk(text: str, run: Sequence[Unit], path: tuple[str, ...], section: Sequence[Element]) -> Chunk:
    start, end = run[0].start, run[-1].end
    body, tokens = text[start:end], sum(unit.tokens for unit in run)
    if run[0].header:
        body = f"{text[slice(*run[0].header)]}\n{body}"
        tokens += run[0].header_tokens
    kinds: Counter[str] = Counter()
    for unit in run:
        kinds[unit.kind] += unit.tokens
    page = next(e.page for e in reversed(section) if e.start <= start)
    return Chunk(body, start, end, kinds.most_common(1)[0][0], path, page, tokens)
