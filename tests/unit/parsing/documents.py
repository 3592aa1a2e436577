"""Small real documents, built here: one of each format."""

import re
import tarfile
import zipfile
from email.message import EmailMessage
from io import BytesIO

from unit.parsing import compound

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
FEED = """<feed><entry><title>New pump</title><content type="html">&lt;h2&gt;Parts&lt;/h2&gt;&lt;p&gt;Two &lt;b&gt;of
them&lt;/b&gt;.&lt;/p&gt;&lt;table&gt;&lt;tr&gt;&lt;td&gt;Rotor, 5 m&lt;sup&gt;3&lt;/sup&gt;/s&lt;/td&gt;&lt;td
rowspan="2"&gt;turns&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;Seal&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</content>
<code>&lt;p&gt;shown as it is&lt;/p&gt;</code></entry><table><row><entry>10<sup>3</sup> l<break/>a day</entry>
<entry><p>one</p><p>two</p></entry></row></table></feed>"""
VTT = """WEBVTT - the pump

NOTE nobody says
this

STYLE
::cue { color: red }

1
00:00.000 --> 00:02.000 align:left
<v.loud Ann>It lifts &amp; <i>turns</i>,

00:02.000 --> 00:03.000
<v Ann>and seals.

00:03.000 --> 00:04.000
<v Bob>Really?</v>

00:04.000 --> 00:05.000
- Applause
"""
NDJSON = '{"title": "Rotor", "sizes": [1, 2]}\n\n{"title": "Seal"}\n'
ORG = """#+TITLE: Pump
* Pump
It *lifts* water.
** Parts
- Rotor
- Seal

| Part  | Use   |
|-------+-------|
| Rotor | turns |

#+begin_src sh
pump --start
#+end_src
"""
RST = """Pump
====

It lifts.

Start
-----

::

  run

+-------+--------------+
| Part  | Sizes        |
|       +-------+------+
|       | small | big  |
+=======+=======+======+
| Rotor | 1     | 2    |
+-------+-------+------+
"""
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
RTF = (
    rb"{\rtf1\ansi {\b Pump}\par It lifts.\par\trowd\cellx2000\cellx4000\pard\intbl Part\cell Use\cell\row"
    rb"\trowd\cellx2000\cellx4000\pard\intbl Rotor\cell turns\cell\row\pard}"
)


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


def docx_with_controls() -> bytes:
    """Content controls around a paragraph, a box to tick, a table's row and the contents; insertions; a chart."""
    from docx import Document
    from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls
    from pptx.chart.data import CategoryChartData
    from pptx.chart.xmlwriter import ChartXmlWriter
    from pptx.enum.chart import XL_CHART_TYPE

    def said(text: str) -> str:
        return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'

    def control(content: str, properties: str = "") -> str:
        return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"

    document = Document()
    figures = CategoryChartData()
    figures.categories = ("2023", "2024")
    figures.add_series("Water", (1.5, 20))
    chart = ChartXmlWriter(XL_CHART_TYPE.LINE, figures).xml.encode()
    part = Part(PackURI("/word/charts/chart1.xml"), CONTENT_TYPE.DML_CHART, chart, document.part.package)
    relation = document.part.relate_to(part, RELATIONSHIP_TYPE.CHART)
    contents = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
    row = "<w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc><w:p>{}</w:p></w:tc></w:tr>"
    blocks = parse_xml(
        f"<w:body {nsdecls('w', 'r', 'a', 'wp')}>"
        + control(f"<w:p>{said('Pump 1')}</w:p>", contents)
        + control(f"<w:p>{said('In a control.')}</w:p>")
        + f"<w:p>{control(said('☒'))}{said(' oiled, ')}<w:ins>{said('twice')}</w:ins><w:del>{said('')}</w:del></w:p>"
        + f"<w:tbl>{row.format(said('Part'), said('Use'))}{control(row.format(said('Rotor'), said('turns')))}</w:tbl>"
        + '<w:p><w:r><w:drawing><wp:inline><a:graphic><a:graphicData uri="c"><c:chart '
        f'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" r:id="{relation}"/></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r></w:p></w:body>"
    )
    for block in list(blocks):
        document.element.body.insert(len(document.element.body) - 1, block)
    document.add_paragraph("The end.")
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
    table = slide.shapes.add_table(3, 2, 0, 0, 914_400, 914_400).table
    cells = (cell for row in table.rows for cell in row.cells)
    for cell, text in zip(cells, ("Part", "Use", "Rotor", "turns", "Seal", "keeps"), strict=True):
        cell.text = text
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
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
            'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>'
            '<text:h text:outline-level="1">Pump</text:h><text:p>It lifts.</text:p>'
            "<table:table>"
            + "".join(
                f"<table:table-row>{''.join(f'<table:table-cell><text:p>{c}</text:p></table:table-cell>' for c in row)}"
                "</table:table-row>"
                for row in (("Part", "Use"), ("Rotor", "turns"))
            )
            + "</table:table>"
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
            "a.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Pump</h1><p>It lifts.</p>'
            "<table><tr><td rowspan='2'>Rotor</td><td>1</td></tr><tr><td>2</td></tr></table></body></html>",
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
    streams = []
    for lines in pages:
        y, stream = 800, "BT\n"
        for size, text in lines:
            stream += f"/F1 {size} Tf 1 0 0 1 50 {y} Tm ({text}) Tj\n"
            y -= 14 if text else 40
        streams.append(f"{stream}ET")
    return pdf_of(streams, extra)


def pdf_with_tables() -> bytes:
    """A table in boxes with spans, one that is open at its sides with one line below its head; no table: a page in
    boxes of unequal height, and two lines that cross.
    """

    def text(x, y, *words):
        return "".join(
            f"BT /F1 10 Tf 1 0 0 1 {x + 80 * n} {y} Tm ({one}) Tj ET\n" for n, one in enumerate(words) if one
        )

    def lines(*ends):
        return "".join(f"{x0} {y0} m {x1} {y1} l S\n" for x0, y0, x1, y1 in ends)

    boxes = "".join(f"{x} {y} {w} {h} re S\n" for x, y, w, h in ((50, 720, 80, 40), (130, 740, 160, 20)))
    boxes += "".join(f"{x} {y} 80 20 re S\n" for x, y in ((130, 720), (210, 720), (50, 700), (130, 700), (210, 700)))
    ruled = text(50, 780, "Before.") + text(55, 745, "Part", "Sizes") + text(135, 725, "small", "big") + boxes
    ruled += text(55, 705, "Rotor", "1", "2") + text(50, 670, "Between.")
    ruled += lines((50, 640, 290, 640), (50, 620, 290, 620), (50, 560, 290, 560), (130, 640, 130, 560))
    ruled += lines((210, 640, 210, 560)) + text(55, 625, "Year", "Water", "Oil")
    for y, row in ((605, ("2023", "1.5", "3")), (590, ("2024", "20", "4")), (570, ("2025", "21", "5"))):
        ruled += text(55, y, *row)
    divided = lines((50, 780, 290, 780), (50, 740, 130, 740), (130, 760, 290, 760), (50, 700, 290, 700))
    divided += lines((50, 780, 50, 700), (130, 780, 130, 700), (290, 780, 290, 700), (210, 760, 210, 720))
    divided += lines((130, 720, 210, 720)) + text(55, 765, "News", "Letters") + text(55, 725, "Rain", "Sun", "Wind")
    divided += lines((50, 600, 290, 600), (130, 640, 130, 560)) + text(55, 620, "high", "low") + text(55, 580, "a", "b")
    return pdf_of([ruled + text(50, 540, "After."), divided])


def pdf_of(streams, extra="") -> bytes:
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(len(streams)))}] /Count {len(streams)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 840] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
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


def outlook_mail() -> bytes:
    return compound.msg("From the pump", "<h1>Hello</h1><p>The <b>rich</b> body.</p>", {"notes.txt": b"It lifts."})


def old_sheet() -> bytes:
    return compound.xls("Parts", [["Part", "Größe", None, "new"], ["Rotor", 2.0, None, True], [], ["Seal", 1.5]])


MEMBERS = {"guide/start.md": b"# Start\n\nOpen the valve.", "guide/parts.csv": b"a,b\n1,2\n", "start.md": b"Another."}


def tar(members=MEMBERS) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return buffer.getvalue()
