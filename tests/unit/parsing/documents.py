"""Small real documents, built here: one of each format."""

import re
import zipfile
from email.message import EmailMessage
from io import BytesIO

MARKDOWN = """---
title: "The pump's manual"
weight: 3
---

# Pump

A *pump* lifts water.

{{% alert %}}Mind the gap.{{% /alert %}}

## Start

1. Open the valve
2. Run this:

   ```sh
   pump --start \\

     --now
   ```

| Part | Use |
|------|-----|
| Rotor | turns \\| spins |
| Seal | |

<details><summary>More</summary>Oil it.</details>
"""

HTML = """<!doctype html><html><head><title>Valves &amp; more</title><style>p{}</style></head><body>
<nav>Home</nav><main><h1>Valves</h1><p>Open <b>slowly</b>.<br>Close fast.</p><h2>Kinds</h2>
<ul><li>Gate<ul><li>Wedge</li></ul></li><li>Ball</li></ul><pre>a
  b</pre><table><tr><th>Kind</th><th colspan="2">Sizes</th></tr><tr><td rowspan="2">Gate</td><td>1</td><td>2</td></tr>
<tr><td>3</td><td><table><tr><td>4</td><td>5</td></tr></table></td></tr></table>
</main><script>alert(1)</script></body></html>"""

TEXT = """Release notes

The pump is quieter now. It also uses less oil
than before.

- first point
- second point
  that goes on

1. numbered
"""

CSV = 'part;use\nrotor;"turns;\nand spins"\nseal;\n'
TSV = "part\tuse\nrotor\tturns\n"
JSON = '{"title": "Parts", "parts": [{"name": "rotor", "sizes": [1, 2]}, {"name": "seal"}], "old": null}'
XML = (
    "<doc><title>Parts</title><sec><title>Rotor</title><p>It <i>turns</i>.</p></sec><table><tr>"
    "<th rowspan='2'>Kind</th><th colspan='2'>Sizes</th></tr><tr><td>1</td><td>2</td></tr></table></doc>"
)
RST = "Pump\n====\n\nIt lifts.\n\nStart\n-----\n\n::\n\n  run\n"
RST_INCLUDES = """Pump
====

.. include:: /etc/passwd
   :start-line: 1

.. csv-table:: Parts
   :header: part, use

   rotor, turns

.. csv-table:: Elsewhere
   :file: /etc/group

It lifts.
"""
ADOC = "= Pump\n\nIt lifts.\n\ninclude::/etc/passwd[]\n\n== Parts\n\n|===\n|Part |Use\n\n|Rotor |turns\n|===\n"
TEX = r"""\documentclass{article}\title{The pump}\begin{document}\maketitle\section{Pump} It lifts $x^2$ litres.
\input{/etc/passwd}
\begin{tabular}{ll}Part & Use \\ Rotor & turns \end{tabular}\end{document}"""
RTF = rb"{\rtf1\ansi {\b Pump}\par It lifts.\par}"


def docx() -> bytes:
    from docx import Document

    document = Document()
    document.core_properties.title = "Pump manual"
    document.add_heading("Pump", 1)
    document.add_paragraph("It lifts water.")
    document.add_heading("Parts", 2)
    document.add_paragraph("Rotor", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ("Part", "Use", "Rotor", "turns"), strict=True):
        cell.text = text
    return saved(document)


def docx_with_frames() -> bytes:
    """A text box (and its twin for older readers), a formula, and a table inside a frame of one cell."""
    from docx import Document
    from docx.oxml import parse_xml

    spaces = " ".join(
        f'xmlns:{name}="http://schemas.{rest}"'
        for name, rest in {
            "w": "openxmlformats.org/wordprocessingml/2006/main",
            "m": "openxmlformats.org/officeDocument/2006/math",
            "mc": "openxmlformats.org/markup-compatibility/2006",
            "wps": "microsoft.com/office/word/2010/wordprocessingShape",
        }.items()
    )
    box = (
        "<w:txbxContent><w:p><w:r><w:t>In the box.</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>Still in it.</w:t></w:r></w:p></w:txbxContent>"
    )
    frame = (
        f"<w:p {spaces}><w:r><w:t>Beside the box.</w:t></w:r><w:r><mc:AlternateContent>"
        f'<mc:Choice Requires="wps"><wps:txbx>{box}</wps:txbx></mc:Choice>'
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    formula = (
        f"<w:p {spaces}><w:r><w:t>Power is</w:t></w:r><m:oMath><m:f><m:num><m:r><m:t>U</m:t></m:r></m:num><m:den>"
        "<m:sSup><m:e><m:r><m:t>R</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:den></m:f>"
        "</m:oMath><w:r><w:t>watts.</w:t></w:r></w:p>"
    )
    document = Document()
    outer = document.add_table(rows=1, cols=1).cell(0, 0)
    inner = outer.add_table(rows=2, cols=2)
    for cell, text in zip((c for row in inner.rows for c in row.cells), ("Part", "Use", "Rotor", "turns"), strict=True):
        cell.text = text
    for xml in (frame, formula):
        document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))
    return saved(document)


def strict(data: bytes) -> bytes:
    """The same Word document as the ISO's Strict variant."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    usual = re.compile(
        rb"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument)/2006/(main|relationships)"
    )
    return zipped({name: usual.sub(rb"http://purl.oclc.org/ooxml/\1/\2", content) for name, content in members.items()})


def pptx_with_chart() -> bytes:
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    presentation = Presentation()
    figures = CategoryChartData()
    figures.categories = ("2023", "2024")
    figures.add_series("Water", (1.5, 20))
    figures.add_series("Oil", (3, None))
    for title in ("Figures", "After"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = title
        if title == "Figures":
            slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 914_400, 914_400, figures)
    return saved(presentation)


def pptx() -> bytes:
    from pptx import Presentation

    presentation = Presentation()
    for title, body in (("Pump", "It lifts"), ("Parts", "Rotor")):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    return saved(presentation)


def xlsx() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Parts"
    for row in (["Part", "Count", "Price"], ["Rotor", 2, 1.5], ["Seal", None, 3.0], [], [None, "Total", 4.5]):
        book.active.append(row)
    return saved(book)


def saved(document) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def odt() -> bytes:
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": '<?xml version="1.0"?><office:document-content '
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>'
            '<text:h text:outline-level="1">Pump</text:h><text:p>It lifts.</text:p>'
            "</office:text></office:body></office:document-content>",
            "styles.xml": '<?xml version="1.0"?><office:document-styles '
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:styles/><office:automatic-styles/><office:master-styles/></office:document-styles>',
        }
    )


def epub() -> bytes:
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
            'version="1.0"><rootfiles><rootfile full-path="c.opf" media-type="application/oebps-package+xml"/>'
            "</rootfiles></container>",
            "c.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Pump</dc:title></metadata><manifest>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
            "a.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Pump</h1><p>It lifts.</p></body></html>',
        }
    )


def zipped(members, **options) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def pdf(*pages, extra="") -> bytes:
    """Pages of ``(size, text)`` lines in Helvetica, from the top down."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(len(pages)))}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        y, stream = 800, "BT\n"
        for size, text in lines:
            stream += f"/F1 {size} Tf 1 0 0 1 50 {y} Tm ({text}) Tj\n"
            y -= 14 if text else 40
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 840] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream) + 2} >>\nstream\n{stream}ET\nendstream")
    data, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    data += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{start}\n%%EOF\n"
    return data.encode("latin-1")


PDF_PAGES = (
    [(20, "Pump"), (1, ""), (10, "It lifts water from one"), (10, "place to an-"), (10, "other."), (1, ""), (10, "1")],
    [(14, "Parts"), (1, ""), (10, "The rotor turns and the seal keeps the water in.")],
)


def eml() -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "ann@example.org", "bob@example.org"
    message["Subject"] = "Grüße from the pump"
    message.set_content("Plain body.")
    message.add_alternative("<h1>Hello</h1><p>The <b>rich</b> body.</p>", subtype="html")
    message.add_attachment(b"one", "application", "octet-stream", filename="../../etc/notes.bin")
    message.add_attachment("two", filename="C:\\temp\\notes.bin")
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Inside.")
    message.add_attachment(inner)
    return message.as_bytes()
