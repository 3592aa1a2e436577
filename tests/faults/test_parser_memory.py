"""Invariant 7: memory is limited in fact. Small workbooks that want gigabytes, with the machine watched meanwhile."""

import io
import random
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager

import pytest

from penstock.parsing import ParseJob, ParserPool
from penstock.parsing.watch import family, held_bytes
from penstock.records import Parsed, Reason, Refusal
from penstock.settings import ParserSettings
from unit.parsing import documents

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRINGS = (
    '<Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)
LIMIT_MB = 256


def workbook(rows, string=""):
    """A workbook of one sheet with these rows, and one shared string, number 0."""
    with zipfile.ZipFile(io.BytesIO(documents.xlsx())) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    members["xl/worksheets/sheet1.xml"] = (
        f'<worksheet xmlns="{SHEET}"><dimension ref="A1:XFD1048576"/><sheetData>{"".join(rows)}</sheetData></worksheet>'
    )
    members["xl/sharedStrings.xml"] = f'<sst xmlns="{SHEET}" count="1" uniqueCount="1"><si><t>{string}</t></si></sst>'
    types = members["[Content_Types].xml"]
    members["[Content_Types].xml"] = types.replace("</Types>", STRINGS)
    return documents.zipped(members)


def last_column_only():
    """Some 7 MB of which every row has one value, in the last of 16,384 columns: 30 GB if each cell were held."""
    values = random.Random(7)
    return workbook(
        f'<row r="{n}"><c r="XFD{n}"><v>{values.randrange(10**45)}</v></c></row>' for n in range(1, 250_000)
    )


def one_string_everywhere():
    """One long text that 100,000 cells name: 3 GB if each had its own."""
    return workbook(
        (f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 100_000)), "pump and rotor " * 2000
    )


@contextmanager
def watched(pool):
    """Yield a list that holds the most memory, in MB, that the children held together in the meantime."""
    peak, stop = [0.0], threading.Event()

    def look():
        while not stop.wait(0.02):
            peak[0] = max([peak[0], *(held_bytes(family(pid)) / 2**20 for pid in pool.pids())])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def pool():
    with ParserPool(ParserSettings(workers=1, memory_mb=LIMIT_MB)) as pool:
        yield pool


def parse(pool, name, data):
    [(_, outcome)] = pool.parse_many([ParseJob("one", name, data)])
    return outcome


@pytest.mark.parametrize(("make", "at_least_kb"), [(last_column_only, 6000), (one_string_everywhere, 500)])
def test_a_sheet_that_wants_gigabytes_is_refused_and_the_machine_stays_well(pool, make, at_least_kb):
    data = make()
    assert len(data) > at_least_kb * 1000
    with watched(pool) as peak:
        outcome = parse(pool, "a.xlsx", data)
    assert outcome == Refusal(
        Reason.OUT_OF_MEMORY,
        f"parsing needed more than {LIMIT_MB} MB (an allocation failed)",
        "split the document, or raise parser.memory_mb",
    )
    assert 100 < peak[0] <= LIMIT_MB
    assert isinstance(parse(pool, "a.md", b"text"), Parsed)


FAILS_IN_C = """
from penstock.parsing import parse, sandbox
from penstock.settings import ParserSettings

def fail(*_):
    held = []
    try:
        while True:
            held.append(bytearray(2**20))
    except MemoryError:
        pass
    raise SystemError("error return without exception set")

parse.draft_of = fail
sandbox.limit_memory(256)
try:
    parse.parse("a.md", b"text", ParserSettings())
except MemoryError:
    print("out of memory")
"""


def test_an_allocation_that_failed_is_told_from_a_fault_of_the_parser_whatever_error_was_made_of_it():
    ended = subprocess.run([sys.executable, "-c", FAILS_IN_C], capture_output=True, text=True, check=True)
    assert ended.stdout == "out of memory\n"


def test_a_sheet_that_claims_seventeen_thousand_million_cells_and_has_two_is_parsed(pool):
    rows = ['<row r="1"><c r="A1"><v>1</v></c></row>', '<row r="1048576"><c r="B1048576"><v>2</v></c></row>']
    assert parse(pool, "a.xlsx", workbook(rows)).text == "Parts\n\n1\n\n2"


def test_a_small_document_that_needs_a_program_has_room(pool):
    """The program is counted with the child that starts it, and what the two share for a moment only once."""
    assert isinstance(parse(pool, "a.rst", b"Pump\n====\n\nIt lifts.\n"), Parsed)


@pytest.mark.long
def test_a_program_that_a_format_needs_counts_too(pool):
    """pandoc is a process of its own, with a limit of its own; together they have one."""
    with watched(pool) as peak:
        outcome = parse(pool, "a.rst", b"Pump\n====\n\n" + b"* It *lifts*.\n" * 60_000)
    assert outcome == Refusal(
        Reason.OUT_OF_MEMORY,
        f"parsing needed more than {LIMIT_MB} MB (counted with all that the parser process started)",
        "split the document, or raise parser.memory_mb",
    )
    assert peak[0] < 2 * LIMIT_MB  # it is looked at ten times a second, and killed once it is seen
    assert isinstance(parse(pool, "a.rst", b"Pump\n====\n\nIt lifts.\n"), Parsed)
