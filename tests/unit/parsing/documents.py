"""Small real documents, built here: one of each format."""

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
XML = "<doc><title>Parts</title><sec><title>Rotor</title><p>It <i>turns</i>.</p></sec></doc>"
RST = "Pump\n====\n\nIt lifts.\n\nStart\n-----\n\n::\n\n  run\n"
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
