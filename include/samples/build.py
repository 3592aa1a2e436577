"""Write the handbook's binary documents: ``python include/samples/build.py``.

The words stand below in a small markup; the functions above them know the formats. Two runs write the same bytes:
dates, boundaries and ids are fixed, and archives are packed again with one timestamp. (Another version of a library
or of zlib may pack the same content differently.)

Markup of documents: ``# heading``, ``- list item``, ``| table | row |`` (the first row is the header), ``===`` new page
(of a PDF), anything else is a paragraph that ends at a blank line. In slides, ``# `` begins a slide and ``> `` is a
speaker's note.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default as mail_policy
from pathlib import Path

from docx import Document
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from pptx import Presentation

HANDBOOK = Path(__file__).parent / "handbook"
COMPANY = "Millrace & Finch"
WRITTEN = datetime(2026, 2, 2, 9, tzinfo=UTC)
BLUE = "1F4E5F"

Cell = str | int | float
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Block:
    """One piece of the markup: kind is heading, item, table, page or text."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def blocks(markup: str) -> Iterator[Block]:
    for piece in re.split(r"\n\s*\n", markup.strip()):
        lines = piece.splitlines()
        if lines[0].startswith("# "):
            yield Block("heading", lines[0][2:])
        elif lines[0].startswith("- "):
            yield from (Block("item", item.strip()) for item in " ".join(lines)[2:].split(" - "))
        elif lines[0].startswith("|"):
            yield Block("table", rows=tuple(tuple(c.strip() for c in line.strip("| ").split("|")) for line in lines))
        elif lines[0] == "===":
            yield Block("page")
        else:
            yield Block("text", " ".join(lines))


def settled(archive: bytes) -> bytes:
    """The same archive with every timestamp, inside and outside, set to fixed values."""
    out = io.BytesIO()
    stamp = f"{WRITTEN:%Y-%m-%dT%H:%M:%SZ}".encode()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)
    return out.getvalue()


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    save(out)
    return settled(out.getvalue())


def docx(title: str, markup: str) -> bytes:
    document = Document()
    document.core_properties.title, document.core_properties.author = title, COMPANY
    document.add_heading(title, level=0)
    for block in blocks(markup):
        if block.kind == "heading":
            document.add_heading(block.text, level=1)
        elif block.kind == "item":
            document.add_paragraph(block.text, style="List Bullet")
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Light Grid Accent 1")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            document.add_paragraph(block.text)
    return saved(document.save)


def pptx(title: str, subtitle: str, markup: str) -> bytes:
    deck = Presentation()
    deck.core_properties.title, deck.core_properties.author = title, COMPANY
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = title, subtitle
    for slide_markup in re.split(r"^# ", markup.strip(), flags=re.MULTILINE)[1:]:
        heading, *lines = slide_markup.strip().splitlines()
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = heading
        slide.placeholders[1].text = "\n".join(line[2:] for line in lines if line.startswith("- "))
        if notes := [line[2:] for line in lines if line.startswith("> ")]:
            slide.notes_slide.notes_text_frame.text = " ".join(notes)
    return saved(deck.save)


def xlsx(title: str, sheets: dict[str, Rows]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title, book.properties.creator = title, COMPANY
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cell in sheet[1]:
            cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor=BLUE)
        for number, column in enumerate(zip(*rows, strict=True), start=1):
            widest = max(len(str(value)) for value in column)
            sheet.column_dimensions[get_column_letter(number)].width = min(widest + 2, 60)
        for cells in sheet.iter_rows(min_row=2):
            for cell in cells:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.freeze_panes = "A2"
    return saved(book.save)


# A PDF with the standard fonts needs no library: lines of text at positions, one content stream for each page.

PAGE_WIDTH, PAGE_HEIGHT, MARGIN, BOTTOM = 595, 842, 72, 84
HELVETICA = {  # advance in thousandths of the type size; every other character counts as 556
    "ijl'": 222, " !,./:;It[]\\f|": 278, "()-`r": 333, '"*': 360, "ckJsvxyz": 500, "FTZ": 611, "&ABEKPSVXY": 667,
    "CDHNRUw": 722, "GOQ": 778, "mM": 833, "%": 889, "W": 944, "@": 1015,
}  # fmt: skip
ADVANCE = {character: width for characters, width in HELVETICA.items() for character in characters}


def text_width(text: str, size: float) -> float:
    return sum(ADVANCE.get(character, 556) for character in text) * size / 1000


def wrapped(text: str, size: float, width: float) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size) > width:
            yield line
            line = word
        else:
            line = longer
    yield line


class Pages:
    """Text set from the top down; a new page begins where the old one is full."""

    def __init__(self) -> None:
        self.streams: list[list[str]] = []
        self.new_page()

    def new_page(self) -> None:
        self.streams.append([])
        self.y = float(PAGE_HEIGHT - MARGIN)

    def put(self, text: str, x: float, y: float, size: float, font: str = "F1", grey: float = 0.0) -> None:
        safe = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.streams[-1].append(f"BT {grey} g /{font} {size} Tf {x:.1f} {y:.1f} Td ({safe}) Tj ET")

    def rule(self, y: float, grey: float = 0.7) -> None:
        self.streams[-1].append(f"{grey} G 0.7 w {MARGIN} {y:.1f} m {PAGE_WIDTH - MARGIN} {y:.1f} l S")

    def room(self, height: float) -> None:
        if self.y - height < BOTTOM:
            self.new_page()

    def lines(self, text: str, size: float, indent: float = 0, font: str = "F1", leading: float = 1.45) -> None:
        for line in wrapped(text, size, PAGE_WIDTH - 2 * MARGIN - indent):
            self.room(size * leading)
            self.y -= size * leading
            self.put(line, MARGIN + indent, self.y, size, font)

    def table(self, rows: Sequence[Sequence[str]], size: float) -> None:
        columns = [max(text_width(text, size) for text in column) for column in zip(*rows, strict=True)]
        gap = min(60.0, (PAGE_WIDTH - 2 * MARGIN - sum(columns)) / max(1, len(columns) - 1))
        self.room(size * 1.9 * len(rows))
        for number, row in enumerate(rows):
            self.y -= size * 1.9
            x = float(MARGIN)
            for text, width in zip(row, columns, strict=True):
                self.put(text, x, self.y, size, "F1" if number else "F2")
                x += width + gap
            self.rule(self.y - size * 0.5, 0.8 if number else 0.3)
        self.y -= size


def pdf(title: str, markup: str, size: float = 12) -> bytes:
    pages = Pages()
    pages.lines(title, 22, font="F2", leading=1.2)
    pages.rule(pages.y - 12, 0.3)
    pages.y -= 20
    before = ""
    for block in blocks(markup):
        if before == "item" != block.kind:
            pages.y -= size * 0.6
        before = block.kind
        if block.kind == "heading":
            pages.room(size * 6)
            pages.y -= size * 0.9
            pages.lines(block.text, size + 3, font="F2")
            pages.y -= size * 0.25
        elif block.kind == "item":
            pages.room(size * 1.45)
            pages.put("•", MARGIN + 4, pages.y - size * 1.45, size)
            pages.lines(block.text, size, indent=18)
        elif block.kind == "page":
            pages.new_page()
        elif block.kind == "table":
            pages.table(block.rows, size - 0.5)
        else:
            pages.lines(block.text, size)
            pages.y -= size * 0.6
    return pdf_file(title, pages.streams)


def pdf_file(title: str, streams: list[list[str]]) -> bytes:
    count = len(streams)
    kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(count))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Lang (en-GB) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        font.format("Helvetica"),
        font.format("Helvetica-Bold"),
        f"<< /Title ({title}) /Author ({COMPANY}) /CreationDate (D:{WRITTEN:%Y%m%d%H%M%S}Z) >>",
    ]
    for number, stream in enumerate(streams):
        footer = Pages()
        footer.put(f"{COMPANY} · {title}", MARGIN, 48, 8.5, grey=0.4)
        footer.put(f"Page {number + 1} of {count}", PAGE_WIDTH - MARGIN - 46, 48, 8.5, grey=0.4)
        content = "\n".join(stream + footer.streams[0])
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] /Contents {7 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream")
    out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("cp1252")


def eml(
    subject: str, sender: str, to: str, date: str, text: str, html: str = "", attached: tuple[str, str] | None = None
) -> bytes:
    mail = EmailMessage(policy=mail_policy)
    mail["Subject"], mail["From"], mail["To"], mail["Date"] = subject, sender, to, date
    mail["Message-ID"] = f"<{re.sub('[^a-z0-9]+', '-', subject.lower())}@millrace-finch.example>"
    mail.set_content(text.strip() + "\n", cte="quoted-printable")
    if html:
        mail.add_alternative(html.strip() + "\n", subtype="html", cte="quoted-printable")
    if attached:
        mail.add_attachment(attached[1].strip() + "\n", subtype="csv", filename=attached[0], cte="quoted-printable")
    mail.set_boundary("=-the-river-divides-here-=")
    return mail.as_bytes()


# What the documents say.

WATER_SAFETY_NOTICE = """
Within two metres of open water, wear a buckled 150-newton lifejacket and work with a second person who can see you.
No one enters a channel, a wheel pit or a draft tube until the sluice is closed, locked with a red padlock and tested by
trying to open it. If someone falls in, do not jump after them: throw the line, shout, ring 999, and then ring the duty
number, 01632 960142.
"""

WHO_WE_ARE = """
Millrace & Finch began in March 2009, when Tamsin Finch bought a roofless carding shed in Aldersyke because it was
cheaper than the flat she was renting. The shed came with a silted channel, a wheel without paddles and a family of
wagtails. The first turbine was built to light the shed, the second because a farmer had seen the light.

# What we do

We do two things. We restore waterwheels in old mills, as carefully as the building deserves and as cheaply as its
owner can bear. And we build three small turbines, the Wagtail, the Dipper and the Heron, for streams that nobody else
thinks worth the trouble. About two thirds of our income comes from turbines and one third from wheels and service.

# Who we are

There are 41 of us. Teams are kept small enough to share one table.

| Team | People | Lead | Where |
| Workshop and stores | 14 | Ruben Kestle | Carding Shed |
| Engineering | 9 | Ottoline Brack | Weir House |
| Field crews | 8 | Jonty Penhale | Tolley Yard |
| Customer care | 4 | Ines Varga-Moss | Weir House |
| Finance | 2 | Desmond Quill | Weir House |
| People | 2 | Priya Tolland | Weir House |
| IT | 1 | Magnus Thirlby | Weir House |
| Managing director | 1 | Tamsin Finch | anywhere with a view of the weir |

Win Ashgrove, the safety lead, is counted with the field crews and reports to Tamsin Finch directly, so that nobody
stands between a hazard and the person who can stop the work.

# Who owns it

Sixty per cent of the shares belong to Tamsin Finch and forty per cent to a trust for everyone who has worked here for
more than a year. A tenth of each year's profit goes to the trust and is paid out equally, the same sum for the newest
fitter and the oldest engineer. In 2025 that was £1,040 each.

# What we hold to

- Leave the river better than we found it.
- Draw it so that someone else can mend it in fifty years.
- Tell the customer when the answer is no.
- Sign your work: every machine carries a brass plate with the names of those who built it.
"""

APPRENTICES = """
We train people because nobody sells millwrights. Five of our fourteen workshop people are apprentices, and Bea Sallow
looks after all of them.

# The three years

An apprenticeship takes three years and begins on the first Monday of September. One day a week is spent at Wendle
College; the other four are spent here, and a quarter of each term is spent outside the workshop, with the field crews
or in the drawing office.

| Year | What you learn | What you make |
| First | Filing, marking out, timber, safety near water | A mallet and a toolbox, both used ever after |
| Second | Turning, welding, bearings, reading drawings | A runner for a Wagtail that is then sold |
| Third | Fitting on site, controls, talking to customers | The masterpiece |

# The masterpiece

In the third year every apprentice builds a working model of a mill machine at one to eight, from a drawing of their
own. It is shown to the whole company in July and run in the leat for an hour. A model that breaks is mended in front
of everybody, which counts for more than one that does not.

# Tools and money

- Every apprentice gets a tool grant of £400 in the first year and keeps the tools.
- College fees, books and the train to Wendle are paid.
- Wages rise each September; ask Priya Tolland for the figures.
- Nobody is asked to stay afterwards. Eleven of the fourteen who finished have stayed.

# Applying

Applications are open from 1 February to 30 April. We ask for one page and one object that the applicant has made or
mended. Last year somebody brought a bicycle bell, and it now hangs at the stores hatch.

# Mentors

Each apprentice has a mentor from another bench who has time set aside for it, two hours a week, written in the rota.
"""

COMMISSIONING = f"""
This list is worked through on site, in order, aloud. The crew lead reads and somebody else answers. Nothing is ticked
afterwards in the van.

# Dry checks

- Compare the serial number on the brass plate with the project sheet.
- Turn the runner by hand through three full turns and listen.
- Check every yellow cover bolt with the torque wrench: 42 newton metres for M10.
- Measure insulation between each phase and earth: at least two megohms.
- Photograph the trash rack before it is under water.

# Wet checks

| Step | What to look for | Stop if |
| Open the sluice by a quarter | Seals drip and then stop | They still drip after ten minutes |
| Run without load for half an hour | Bearing below 50 degrees | It rises by more than 5 degrees in 5 minutes |
| Run at half load for two hours | Vibration below 2.8 millimetres a second | It passes 4.5 |
| Run at full load for four hours | Output within 5 per cent of the drawing | It falls short by more than 10 |
| Trip the mains | The machine stops by itself within 20 seconds | It does not |

# Handing over

The owner stops and starts the machine three times without help before we leave. They get the yellow folder, a rake,
and the number of customer care. A commissioning takes two days, and the second dinner is on the company.

# Afterwards

The signed list goes to Ottoline Brack within five working days. The guarantee begins on the day of the last signature.
Thirty days later Farid Ostrey looks at the data and writes to the owner, in plain words, how it has settled in.

# Water safety notice

{WATER_SAFETY_NOTICE.strip()}
"""

TURBINE_SPARES = """
This guide tells you which spare parts travel in the van, which wait in the stores and which are made when needed.

# In every van

- Two pairs of Wagtail shaft seals and one vee belt set for a Dipper.
- A Thrush controller board, two temperature probes and a level sensor.
- Red grease, a rake and a spare rake.

# In the stores

Odette Marsh keeps the minimum stock that the price list names and orders when the bin shows its red floor.

| Part | Wait when out of stock |
| Wagtail runner | six weeks |
| Dipper runner | four weeks |
| Heron lower bearing | nine weeks |

# Made when needed

Guide vanes, trough seals and anything of oak. Ask Ruben Kestle and bring the drawing, the old part and patience.
"""

ALL_HANDS = """
# The year 2025 in five numbers
- Income of £4.86 million, up from £4.31 million
- 34 turbines delivered: 21 Wagtails, 11 Dippers, 2 Herons
- Two wheels back in the water, Low Tolley and Hebbleshaw
- One reportable accident: a broken thumb, and a new guard on the press
- 31 near misses reported, the most ever, and that is good news
> Tamsin Finch opens. Say thank you first and the figures second. The profit before tax was £426,000.
> The thumb belongs to Ruben Kestle and has given permission to be mentioned.

# What went wrong
- Dipper bearings: a bad batch in the autumn, nine machines visited twice
- The Hebbleshaw job ran seven weeks late because the drawings of 1884 were wrong
- Our quotes took 19 days on average; customers told us so
> Ottoline Brack explains the bearings. The supplier has paid for the parts but not for our evenings.

# What we do about it
- Every bearing is run for four hours on the stand before it is fitted
- A laser survey of the whole building before any wheel is quoted
- A first quote within eight days from 1 May, or a telephone call that says why not
> Ines Varga-Moss takes the last point. The person who answers for quotes is named on the board.

# The order book
- 23 machines on order in March 2026: 12 Wagtails, 9 Dippers, 2 Herons
- The next wheel: a breastshot of six metres at Skelbeck Mill, from September
- A fourth turbine is on the drawing board and is not to be mentioned at parties
> Do not give a date for the fourth turbine, however nicely they ask.

# The summer picnic
- Saturday 20 June 2026, from noon, on the meadow behind the Weir House
- Duck race at 15:00; ducks are built from the blue bin only
- Families, neighbours and customers are welcome
> Sign up for cakes with the canteen by 5 June. Last year there were eleven lemon cakes and nothing else.
"""

COLD_WATER = """
# Why we talk about this
- Most drownings happen within three metres of the bank
- The Wend has six degrees in February and eleven in June
- A strong swimmer and a weak one breathe in the same water at the same moment
> Win Ashgrove gives this talk to every crew in the first week of November, standing outside.
> It takes fifteen minutes and nobody sits down.

# One, ten, one
- One minute to get your breathing under control: float, do not swim
- Ten minutes in which your hands still work: use them to get out
- One hour before the cold itself becomes the danger, with a lifejacket on
> Let everyone hold a hand in the bucket of ice for one minute and then try to buckle a lifejacket.

# Float first
- Lie back, ears in the water, arms out
- Keep your face clear until the gasping stops
- Then look for the nearest way out, downstream and not against the flow

# If a colleague is in the water
- Shout, point, throw: never go in
- The orange throw line is 20 metres long; aim beyond the person
- One of you keeps pointing at them and does nothing else
> The throw lines are checked on the first of each month and thrown in earnest twice a year.

# Afterwards
- Wet clothes off, dry blanket on, no rubbing and no alcohol
- Anyone who was under water goes to hospital, however well they feel
- The crew goes home for the day on full pay
> Write the near miss card the next morning and not the same night.
"""

LOCK_OUT = f"""
This policy says how a machine is made safe before anyone reaches into it. It applies to every turbine, wheel, hoist and
machine tool that we own, build or visit. It is kept by Win Ashgrove and was last changed on 2 February 2026.

# The rule

One person, one padlock, one key. Everyone who works on a machine hangs their own red padlock on its isolator, with
their brass tag on it, and keeps the key in their pocket. The machine can be started again only when the last padlock is
gone.

# Six steps

- Tell everyone who uses the machine that it will stop.
- Stop it by its ordinary control.
- Isolate every source of energy: water, electricity, springs, weights that could fall.
- Lock each isolator with a red padlock and hang the tag.
- Let out what is stored: drain the pipe, discharge the capacitors, let the wheel settle.
- Try to start it. If nothing happens, begin.

# What has to be locked

| Machine | Isolators | Wait before touching |
| Wagtail | sluice, main switch | 1 minute |
| Dipper | sluice, inlet valve, main switch | 5 minutes |
| Heron | sluice, stop logs, main switch | 10 minutes |
| Waterwheel | sluice, sprag, two chains | until it hangs still |

The waiting time lets the capacitors of the Thrush controller discharge. The yellow light on its door goes out when they
are safe, but nobody relies on the light alone.

===

# Shared work

Where more than three people work on one machine, the crew lead locks the isolators, puts the keys into the lock box and
locks the box. Everyone then hangs their own padlock on the box. The box at Tolley Yard takes twelve padlocks.

# At the end of the day

Padlocks stay on overnight if the work goes on tomorrow. They do not go home in a pocket. A job that is handed over is
handed over padlock by padlock, with both people present.

# Removing somebody else's padlock

A padlock whose owner cannot be found is cut only by Win Ashgrove or, in her absence, by Tamsin Finch. Before that, the
owner has been spoken to by telephone, two people have searched the machine, and the form has been signed. It has
happened twice since 2014. The cut padlocks hang in the canteen.

# If the rule is broken

Working on a machine that is not locked is the one mistake for which we send people home at once. Removing another
person's padlock without the form is a matter for dismissal. Stopping a job because the locking looks wrong is never
held against anyone, even when it was right all along.

# Water safety notice

{WATER_SAFETY_NOTICE.strip()}
"""

LOW_TOLLEY = """
Low Tolley Mill ground oats until 1958 and dust until 2023. The Tolley Parish Trust asked us to bring its wheel back and
to let it earn money. This report says what we found, what we did and what we would do differently.

# The site

| Fact | Value |
| Owner | Tolley Parish Trust |
| Wheel | breastshot, 5.1 metres, 40 oak paddles |
| Head | 2.6 metres |
| Flow | 1.1 cubic metres a second |
| Output | 18.4 kilowatts at the socket |
| Work on site | September 2024 to November 2025 |
| Cost | £286,000 |

# What we found

The leat was dry and full of silt to a depth of 1.1 metres. The wheel shaft, cast in 1841, was sound. The paddles came
apart in the hand. Behind the headstock sat a penny of 1793, which is now in a frame at the Fleece Inn, and above it a
colony of bats, which was there first and decided the timetable.

# The bats

From May to August nobody worked in the pit. The trust's ecologist counted 74 bats when we began and 81 when we left.

===

# What we did

- Dug out 190 cubic metres of silt and spread it on the field above the flood line.
- Straightened four of the eight cast arms, cold, over three weeks.
- Cut 40 paddles from two oaks that Ruben Kestle chose in the winter of 2023.
- Fitted a gearbox of one to sixty behind the pit wall, where nobody sees it.
- Rebuilt the sluice with a motor, so that a Thrush controller can close it.

The damsel and one pair of stones were mended too. On the first Sunday of every month the mill grinds oats for visitors,
with the generator disconnected, because the stones like a different speed.

# What it yields

We promised 55 megawatt hours in the first year and now expect 61. The village hall and the school use about two thirds;
the rest is sold. At today's tariff the trust will have its money back in sixteen years, and it knew that beforehand:
the wheel was mended because it is beautiful, and it pays because it turns.

# Who worked on it

Ottoline Brack drew it, Jonty Penhale's crew dug and hung it, Bea Sallow and two apprentices made the paddles, and Farid
Ostrey spent a week persuading a machine of 1841 to speak to a controller of 2025.

===

# What we would do differently

- Measure the silt before quoting. We guessed half a metre, and the difference cost two weeks and £9,400.
- Ask about bats in the first letter and not in the third.
- Order the gearbox earlier. It came after 31 weeks and the wheel stood ready for five of them.
- Take more photographs of ugly things. The drawings of the old sluice were made from memory.

# What surprised us

Neighbours came every evening to watch. In the last month a bench appeared opposite the wheel, built by nobody in
particular. We have put a bench into the drawings of every wheel since.

# Keeping it going

The trust has taken a River contract for ten years. The paddles are turned and oiled every October, the bearings are
greased on the first of each month by the caretaker, and the leat is raked whenever the school has a free afternoon.
"""

SITE_VISIT = """
This guide is for colleagues who visit a customer's site for the first time. It is sent to the customer too, so that
both sides expect the same day.

# Before we come

Customer care agrees a date at least ten days ahead and sends the owner three questions: who owns the bank opposite, has
the water ever come into the building, and is there a dog.

We ask the owner to have ready:

- the deeds or a letter about the right to the water
- twelve months of electricity bills
- any old drawing or photograph of the mill, however small
- a place for one van within 200 metres of the water

# What we bring

Two people, a laser level, a flow meter, waders, two lifejackets, a throw line and biscuits. A visit without the second
person is cancelled, even from the car park.

===

# On the day

| Time | What happens |
| 09:30 | Arrival, tea, and the story of the mill as the owner tells it |
| 10:15 | A walk along the water from the weir to the outfall |
| 11:30 | Measuring head and flow |
| 13:00 | Lunch in the village, at our expense |
| 14:00 | The building: access, floors, the way in for two tonnes of steel |
| 15:30 | What we think, said plainly, with a first figure |

The tea comes first for a reason. Owners know where the water came in during the flood of 1987 and where grandfather
buried the old runner. No instrument tells us that.

# What we do not do

We do not open a sluice that has been shut for longer than a year. We do not promise a licence. We do not give a price
on the bank, only a range, and we say which half of it we believe in.

===

# Afterwards

The owner receives a letter of two pages within eight working days. It says what the site could yield, what it would
cost, what could go wrong, and whether we would do it if it were ours. About four visits in ten end with advice not to
build, and we charge the same for that as for the other six.

# If they go ahead

Twelve months of flow data come next, with a gauge that we lend free of charge. The deposit is thirty per cent of the
price and is due with the order, not before. The rest is paid in two halves, on delivery and thirty days after
commissioning.

# If they do not

We thank them and leave the drawing with them. Three of our best customers came back after more than five years, and one
of them had framed the letter.
"""

BUDGET = {  # thousand pounds
    "Workshop and stores": (1240, 96, 21, 4),
    "Engineering": (58, 14, 18, 16),
    "Field crews": (84, 41, 15, 92),
    "Customer care": (6, 3, 5, 11),
    "Finance": (2, 1, 3, 1),
    "People": (4, 1, 9, 2),
    "IT": (11, 38, 2, 1),
}
CAPITAL: Rows = [
    ("Item", "Team", "Quarter", "Cost (£)", "Why"),
    ("Second test stand pump", "Engineering", "Q2", 38500, "The old pump limits Dipper tests at high flow."),
    ("Electric van", "Field crews", "Q2", 41200, "Replaces the oldest diesel van, 212,000 miles."),
    ("Press guard with light curtain", "Workshop and stores", "Q1", 6800, "Follows the thumb accident of 2025."),
    ("Laser scanner", "Engineering", "Q3", 27900, "Survey of mill buildings before quoting."),
    ("Roof of the Carding Shed, north side", "Workshop and stores", "Q3", 54000, "It rains on Gladys, the lathe."),
    ("Server and backup disks", "IT", "Q4", 9300, "The present server is seven years old."),
]
BUDGET_NOTES: Rows = [
    ("Topic", "Note"),
    ("Pay", "Pay is not part of this workbook; the people team keeps it."),
    ("Training", "The training budget is £900 a person and year, and unused money moves to the team for one year."),
    ("Reserve", "We keep cash for four months of wages and never plan to use it."),
    ("Approval", "The budget was approved by Tamsin Finch and the staff trust on 11 December 2025."),
    ("Changes", "A team lead may move up to ten per cent between the columns of their own row."),
    ("Steel", "Materials assume a steel price of £1,150 a tonne; every £100 more costs us about £31,000 a year."),
    ("Review", "Desmond Quill compares plan and actual figures on the second Wednesday of each month."),
]
TIERS: Rows = [
    ("Tier", "Price a year (£)", "Visits a year", "On site within", "Who it suits"),
    ("Puddle", 190, 1, "10 working days", "Wagtails at a cottage"),
    ("Brook", 420, 2, "3 working days", "Dippers on farms and at mills"),
    ("River", 980, 4, "24 hours", "Herons, and anyone who sells all their power"),
]
CONTRACTS: Rows = [
    ("Contract", "Site", "Machine", "Tier", "Since", "Next visit", "Remarks"),
    ("SC-014", "Fleece Inn, Tolley", "Wagtail WT-0031", "Puddle", "2016", "2026-04-14", "Pays in part with soup."),
    ("SC-022", "Netherby Farm", "Dipper DP-0019", "Brook", "2017", "2026-04-21", "Ring first; geese."),
    ("SC-031", "Hebbleshaw Weir", "Heron HR-0006", "River", "2018", "2026-05-06", "Key with the lock keeper."),
    ("SC-037", "Skelbeck Mill", "Dipper DP-0033", "Brook", "2019", "2026-05-12", "Wheel to follow in September 2026."),
    ("SC-045", "Wendle College", "Wagtail WT-0077", "Puddle", "2020", "2026-05-19", "Students help with the service."),
    ("SC-052", "Marl Bank Pottery", "Dipper DP-0048", "Brook", "2021", "2026-06-02", "Clay in the rack after rain."),
    ("SC-058", "Oxlode Estate", "Heron HR-0011", "River", "2022", "2026-04-09", "Eel pass to be inspected each visit."),
    ("SC-063", "Upper Tarn Hostel", "Wagtail WT-0093", "Brook", "2023", "2026-06-16", "Half an hour on foot."),
    ("SC-071", "Garrow Paper Works", "Heron HR-0014", "River", "2024", "2026-04-28", "Site induction lasts one hour."),
    ("SC-079", "Low Tolley Mill", "Wheel and gearbox", "River", "2025", "2026-04-16", "Ten-year contract until 2035."),
]
CONTRACT_NOTES: Rows = [
    ("Topic", "Note"),
    ("Notice", "A contract may be ended by either side with three months of notice."),
    ("Price", "Prices rise each April by the inflation of the year before, and never by more than five per cent."),
    ("Travel", "Travel is included within fifty miles of Aldersyke; beyond that each mile costs 60 pence."),
    ("Lapse", "A site that skips two visits in a row loses the guarantee, and care rings before that happens."),
]

STORES_COUNT = """
Dear all,

we counted the stores on Saturday 7 February, nine of us, from 08:00 until the soup was ready. Thank you to everyone who
came, and to the apprentices, who counted the rosehead nails twice.

The value of the stock is £318,400. The count differs from the books by £2,159, which is 0.7 per cent; last year it was
1.4 per cent. The list of differences is attached.

Three things to do:

1. The four missing bearings DP-203 were fitted during the autumn repairs and never booked out. Please book parts out on
the day you take them, even at night.
2. There are 61 yellow cover bolts too many. If you find a drawer of your own with bolts in it, that explains nothing,
but do bring it back.
3. Bin A5 is being moved because draft tubes attract the cat.

The next count is on Saturday 6 February 2027.

Odette Marsh
Stores
"""
STORES_DIFFERENCES = """
part,description,bin,books,counted,difference,value_gbp,cause
DP-203,main bearing,B2,16,12,-4,-656.00,Fitted during repairs and not booked out
DP-231,yellow cover bolt M10,B6,214,275,61,51.85,Unknown
DP-209,guide vane bush,B3,30,22,-8,-176.00,Nylon bushes scrapped
WT-104,shaft seal pair,A2,24,21,-3,-55.50,Two pairs found in a van afterwards
WT-125,draft tube short,A5,4,3,-1,-142.00,Lent to the college
TH-401,Thrush controller board,D1,11,9,-2,-1080.00,Two boards at the test stand
TH-420,brass serial plate,D5,52,47,-5,-45.00,Spoiled while stamping
WW-506,rosehead nail 5 inch,D7,812,757,-55,-52.25,Counted twice and still nails
HR-318,trough seal per metre,C5,31,30.9,-0.1,-4.10,Offcut
"""
FLOOD_TEXT = """
The Carding Shed is closed on Thursday 12 and Friday 13 March because of the flood. The gauge at Aldersyke Bridge
stood at 2.6 metres at 05:40 and is rising. Both days are flood days and are paid as usual.

The footbridge is shut. If you work in the Weir House, work from home. The field crews stay away from all rivers.

The Carding Shed opens again on Monday 16 March at 07:30, after the electricians have looked at bay 1.

Win Ashgrove
"""
FLOOD_HTML = """
<html><body style="font-family:sans-serif">
<h1>The workshop is closed because of the flood</h1>
<p>The Carding Shed is closed on <b>Thursday 12 and Friday 13 March</b> because of the flood. The gauge at
Aldersyke Bridge stood at 2.6 metres at 05:40 and is rising. Both days are flood days and are paid as usual.</p>
<h2>What this means for you</h2>
<ul>
<li>The footbridge is shut. If you work in the Weir House, work from home.</li>
<li>The field crews stay away from all rivers, and from all owners who say that theirs is different.</li>
<li>Ruben Kestle and two volunteers lifted the motors in bay 1 onto blocks last night. Nobody else is needed.</li>
<li>Sluice is safe and has moved into the office of Priya Tolland.</li>
</ul>
<h2>When we open again</h2>
<p>The Carding Shed opens again on Monday 16 March at 07:30, after the electricians have looked at bay 1. If that
changes, I write by Sunday at 18:00.</p>
<p>Please do not come to look at the water. It looks like water, only more so.</p>
<p>Win Ashgrove</p>
</body></html>
"""


def budget_rows() -> Rows:
    head = (
        "Team",
        "Materials (k£)",
        "Tools and equipment (k£)",
        "Training and books (k£)",
        "Travel and vans (k£)",
        "Total (k£)",
    )
    teams = [(team, *figures, sum(figures)) for team, figures in BUDGET.items()]
    totals = [sum(column) for column in zip(*(row[1:] for row in teams), strict=True)]
    return [head, *teams, ("All teams", *totals)]


def everything() -> Iterator[tuple[str, bytes]]:
    """Every binary document, as its key in the handbook and its bytes."""
    yield "welcome/who-we-are.docx", docx("Who we are", WHO_WE_ARE)
    yield "people/apprentices.docx", docx("Apprentices", APPRENTICES)
    yield "engineering/commissioning-checklist.docx", docx("Commissioning checklist", COMMISSIONING)
    spares = docx("Turbine spares", TURBINE_SPARES)
    yield "workshop/turbine-spares.docx", spares[: len(spares) // 2]  # broken on purpose: it ends in the middle
    yield (
        "welcome/all-hands-spring-2026.pptx",
        pptx("All hands, spring 2026", "Friday 27 March 2026, canteen", ALL_HANDS),
    )
    yield "safety/cold-water-talk.pptx", pptx("Cold water", "A toolbox talk of fifteen minutes", COLD_WATER)
    yield "safety/lock-out.pdf", pdf("Lock-out policy", LOCK_OUT)
    yield "engineering/low-tolley-mill.pdf", pdf("Low Tolley Mill: project report", LOW_TOLLEY, size=13)
    yield "customers/site-visit-guide.pdf", pdf("Site visit guide", SITE_VISIT, size=15)
    budget = {"Budget by team": budget_rows(), "Investments": CAPITAL, "Notes": BUDGET_NOTES}
    yield "finance/budget-2026.xlsx", xlsx("Budget 2026", budget)
    contracts = {"Tiers": TIERS, "Contracts": CONTRACTS, "Terms": CONTRACT_NOTES}
    yield "customers/service-contracts.xlsx", xlsx("Service contracts", contracts)
    yield (
        "mail/2026-02-stores-count.eml",
        eml(
            "Result of the stores count",
            "Odette Marsh <odette.marsh@millrace-finch.example>",
            "Everyone <all@millrace-finch.example>",
            "Mon, 09 Feb 2026 08:12:00 +0000",
            STORES_COUNT,
            attached=("stores-differences.csv", STORES_DIFFERENCES),
        ),
    )
    yield (
        "mail/2026-03-flood-closure.eml",
        eml(
            "The workshop is closed because of the flood",
            "Win Ashgrove <win.ashgrove@millrace-finch.example>",
            "Everyone <all@millrace-finch.example>",
            "Thu, 12 Mar 2026 06:02:00 +0000",
            FLOOD_TEXT,
            html=FLOOD_HTML,
        ),
    )


def main() -> None:
    for key, data in everything():
        target = HANDBOOK / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        print(f"{len(data):>7} {key}")


if __name__ == "__main__":
    main()
