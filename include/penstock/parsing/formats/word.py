"""What python-docx and unstructured do not see in a Word document, moved to where they do.

Content controls and tracked insertions give way to what is in them, and so does a table of one cell, which is a frame
and no table. Text boxes become paragraphs behind the one that they are anchored in, charts tables, formulas text.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

from penstock.parsing.formats.charts import figures, opened_chart

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
BY_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
BLOCKS = (f"{WORD}p", f"{WORD}tbl")
HOLDERS = (f"{WORD}body", f"{WORD}tc", f"{WORD}txbxContent")
WRAPPERS = [f"{WORD}{name}" for name in ("sdt", "ins", "moveTo", "smartTag", "customXml", "fldSimple", "dir", "bdo")]
CONTENTS = f"{WORD}sdtPr/{WORD}docPartObj/{WORD}docPartGallery[@{WORD}val='Table of Contents']"
STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
BETWEEN = {"f": ("(", ")/(", ")"), "sSup": ("", "^", ""), "sSub": ("", "_", ""), "rad": ("√(", ", ", ")")}
"""How the parts of a fraction, a power, an index and a root stand in one line: before, between and behind them."""


def made_plain(data: bytes) -> bytes:
    """The document with everything in reach; the same bytes where it holds nothing of the kind."""
    from docx import Document

    document = Document(BytesIO(data))
    body = document.element.body
    if not (
        _unwrap(body) | _tabulate_charts(document) | _lift_text_boxes(body) | _spell_formulas(body) | _unframe(body)
    ):
        return data
    saved = BytesIO()
    document.save(saved)
    return saved.getvalue()


def transitional(data: bytes) -> bytes:
    """The ISO's Strict variant under the names that everybody else uses, which are all that the libraries know."""
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as strict, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as plain:
        for member in strict.infolist():
            content = strict.read(member)
            if member.filename.endswith((".xml", ".rels")):
                content = STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", content)
            plain.writestr(member.filename, content)
    return packed.getvalue()


def _unwrap(body: Any) -> bool:
    """From the outside in. A table of contents says nothing that its headings do not."""
    wrappers = list(body.iter(*WRAPPERS))
    for wrapper in wrappers:
        content = wrapper.find(f"{WORD}sdtContent") if wrapper.tag == f"{WORD}sdt" else wrapper
        if content is not None and wrapper.find(CONTENTS) is None:
            for child in [child for child in content if not str(child.tag).endswith("Pr")]:
                wrapper.addprevious(child)
        wrapper.getparent().remove(wrapper)
    return bool(wrappers)


def _tabulate_charts(document: Any) -> bool:
    """A table behind the paragraph that shows the chart."""
    body, parts, found = document.element.body, document.part.related_parts, False
    for chart in list(body.iter(CHART)):
        anchor = next(chart.iterancestors(f"{WORD}p"), None)
        part = parts.get(chart.get(BY_ID))
        if anchor is None or part is None:
            continue
        with suppress(ValueError, SyntaxError):  # a kind of chart that nobody reads, or no XML
            anchor.addnext(_table_of(figures(opened_chart(part.blob))))
            found = True
    return found


def _table_of(rows: Sequence[Sequence[str]]) -> Any:
    from docx.oxml.table import CT_Tbl
    from docx.shared import Length

    table = CT_Tbl.new_tbl(len(rows), max(map(len, rows), default=1), Length(0))
    for drawn, row in zip(table.tr_lst, rows, strict=True):
        for cell, text in zip(drawn.tc_lst, row, strict=False):
            cell.p_lst[0].add_r().text = text
    return table


def _lift_text_boxes(body: Any) -> bool:
    boxes = list(body.iter(f"{WORD}txbxContent"))
    if boxes:
        for fallback in list(body.iter(FALLBACK)):  # says the same for older readers
            fallback.getparent().remove(fallback)
    last: dict[Any, Any] = {}
    for box in boxes:
        anchor = box
        while anchor is not None and not (anchor.tag in BLOCKS and _tag_of(anchor.getparent()) in HOLDERS):
            anchor = anchor.getparent()
        if anchor is None:  # it went with its fallback
            continue
        for block in [child for child in box if child.tag in BLOCKS]:
            last.get(anchor, anchor).addnext(block)
            last[anchor] = block
        box.getparent().remove(box)
    return bool(boxes)


def _tag_of(element: Any) -> Any:
    return None if element is None else element.tag


def _spell_formulas(body: Any) -> bool:
    formulas = list(body.iter(f"{MATH}oMath"))
    for formula in formulas:
        run = formula.makeelement(f"{WORD}r")
        run.append(formula.makeelement(f"{WORD}t"))
        run[0].text = f" {''.join(_spelled(formula))} "
        whole = formula.getparent() if _tag_of(formula.getparent()) == f"{MATH}oMathPara" else formula
        whole.addprevious(run)
        formula.getparent().remove(formula)
    return bool(formulas)


def _spelled(node: Any) -> Iterator[str]:
    if node.tag == f"{MATH}t":
        yield node.text or ""
        return
    parts = ["".join(_spelled(child)) for child in node if isinstance(child.tag, str)]
    before, between, behind = BETWEEN.get(str(node.tag).removeprefix(MATH), ("", "", ""))
    yield before + between.join(part for part in parts if part or not between) + behind


def _unframe(body: Any) -> bool:
    """From the outside in; cells that only frame further tables give way one after another."""
    found = False
    for table in list(body.iter(f"{WORD}tbl")):
        cells = [cell for row in table.iterchildren(f"{WORD}tr") for cell in row.iterchildren(f"{WORD}tc")]
        if len(cells) == 1 and any(child.tag == f"{WORD}tbl" for child in cells[0]):
            for block in [child for child in cells[0] if child.tag in BLOCKS]:
                table.addprevious(block)
            table.getparent().remove(table)
            found = True
    return found
