"""Microsoft's compound files ([MS-CFB] version 3), and the two smallest documents in them: a workbook and a mail.

Excel and Outlook alone write these formats; what stands here is as little of them as their readers accept.
"""

from dataclasses import dataclass
from itertools import pairwise
from struct import pack

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5


@dataclass
class Entry:
    name: str
    kind: int
    content: bytes = b""
    start: int = END
    right: int = FREE
    child: int = FREE

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le") + b"\0\0"
        links = pack("<BBIII", self.kind, 1, FREE, self.right, self.child)
        return name.ljust(64, b"\0") + pack("<H", len(name)) + links + bytes(36) + pack("<IQ", self.start, self.size)

    @property
    def size(self) -> int:
        return len(self.content)


class Sectors:
    """Chains of sectors of one size."""

    def __init__(self, size: int) -> None:
        self.size, self.data, self.table = size, b"", []

    def put(self, content: bytes) -> int:
        first, count = len(self.table), -(-len(content) // self.size)
        if not count:
            return END
        self.table += [*range(first + 1, first + count), END]
        self.data += content.ljust(count * self.size, b"\0")
        return first

    def packed_table(self) -> bytes:
        table = pack(f"<{len(self.table)}I", *self.table)
        return table.ljust(-(-len(table) // SECTOR) * SECTOR, b"\xff")


def compound(tree) -> bytes:
    """A file of ``tree``: a stream is bytes, a storage a dict of what is in it."""
    entries: list[Entry] = []
    _add(entries, "Root Entry", tree, ROOT)
    plain, mini = Sectors(SECTOR), Sectors(MINI)
    for entry in entries:
        if entry.kind == STREAM:
            entry.start = (mini if entry.size < CUTOFF else plain).put(entry.content)
    entries[0].content = mini.data
    entries[0].start = plain.put(mini.data)
    directory = plain.put(b"".join(entry.packed() for entry in entries))
    mini_table = mini.packed_table()
    mini_start = plain.put(mini_table)
    table_start = len(plain.table)
    tables = -(-(table_start + 1) // (SECTOR // 4 - 1))  # each also holds its own place
    plain.table += [FAT] * tables
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += pack("<9I", 0, tables, directory, 0, CUTOFF, mini_start, len(mini_table) // SECTOR, END, 0)
    header += pack(f"<{tables}I", *range(table_start, table_start + tables))
    return header.ljust(SECTOR, b"\xff") + plain.data + plain.packed_table()


def _add(entries: list[Entry], name: str, content, kind: int) -> int:
    at = len(entries)
    entries.append(Entry(name, kind, content if isinstance(content, bytes) else b""))
    if not isinstance(content, bytes):
        inside = sorted(content.items(), key=lambda one: (len(one[0]), one[0].upper()))
        places = [_add(entries, *one, STREAM if isinstance(one[1], bytes) else STORAGE) for one in inside]
        for left, right in pairwise(places):
            entries[left].right = right
        entries[at].child = places[0]
    return at


def xls(sheet: str, rows) -> bytes:
    """A workbook ([MS-XLS], BIFF8) of one sheet; ``None`` is no cell."""

    def record(kind: int, content: bytes = b"") -> bytes:
        return pack("<HH", kind, len(content)) + content

    def begin(of: int) -> bytes:
        return record(0x809, pack("<HHHHII", 0x600, of, 0x0DBB, 0x07CC, 0, 6))

    def cell(row: int, column: int, value) -> bytes:
        place = pack("<HHH", row, column, 0)
        if isinstance(value, bool):
            return record(0x205, place + pack("<BB", value, 0))
        if isinstance(value, str):
            return record(0x204, place + pack("<HB", len(value), 1) + value.encode("utf-16-le"))
        return record(0x203, place + pack("<d", value))

    name = pack("<BB", len(sheet), 1) + sheet.encode("utf-16-le")
    end = record(0x0A)
    start = len(begin(5) + record(0x85, bytes(6) + name) + end)
    book = begin(5) + record(0x85, pack("<IH", start, 0) + name) + end + begin(0x10)
    for row, values in enumerate(rows):
        book += b"".join(cell(row, at, value) for at, value in enumerate(values) if value is not None)
    return compound({"Workbook": book + end})


def msg(subject: str, html: str, files: dict[str, bytes]) -> bytes:
    """A mail of Outlook ([MS-OXMSG]) with attached files."""

    def storage(header: bytes, properties: dict[int, bytes]) -> dict:
        places = b"".join(pack("<IIII", tag, 6, len(value), 0) for tag, value in properties.items())
        return {"__properties_version1.0": header + places} | {
            f"__substg1.0_{tag:08X}": value for tag, value in properties.items()
        }

    text, binary = 0x001F, 0x0102
    mail = {
        0x001A << 16 | text: "IPM.Note".encode("utf-16-le"),
        0x0037 << 16 | text: subject.encode("utf-16-le"),
        0x1013 << 16 | binary: html.encode("ascii"),
    }
    tree = storage(pack("<8xIIII8x", 0, len(files), 0, len(files)), mail)
    for number, (name, content) in enumerate(files.items()):
        attached = {0x3707 << 16 | text: name.encode("utf-16-le"), 0x3701 << 16 | binary: content}
        tree[f"__attach_version1.0_#{number:08X}"] = storage(bytes(8), attached)
    return compound(tree)
