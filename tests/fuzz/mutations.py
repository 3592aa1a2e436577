"""Documents that somebody damaged or meant ill with: real ones, changed in a few places."""

from __future__ import annotations

import io
import warnings
import zipfile

from hypothesis import strategies as st

TOKENS = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<![CDATA[", b"-->", b"<" * 300,
    b"[" * 300, b"<div>" * 300, b"99999999999999999999", b"-1", b"1e999", b"\r", b"\xe2\x80\xae", b"|" * 100,
    b"obj", b"endstream", b"%%EOF", b"PK\x05\x06", b"Content-Type: multipart/mixed; boundary=\n", b"\n---\n", b"`" * 40,
    b"{\\field", b"\\u-1?", b'rowspan="1000000"', b'"', b"=?utf-8?B?////?=", b"xmlns:a=''", b"../../", b"\\",
)  # fmt: skip

Edit = tuple[str, float, int, bytes]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "repeat", "insert", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 2000),
        st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)
"""What is done, where as a share of the length, to how many bytes, and with which."""


def edited(data: bytes, edits: list[Edit]) -> bytes:
    for what, where, count, token in edits:
        at = int(where * len(data))
        match what:
            case "flip":
                data = (
                    data[:at]
                    + bytes(byte ^ token[0] for byte in data[at : at + 1 + count % 4])
                    + data[at + 1 + count % 4 :]
                )
            case "cut":
                data = data[:at] + data[at + count :]
            case "repeat":
                data = data[: at + count] + data[at:]
            case "insert":
                data = data[:at] + token + data[at:]
            case "end":
                data = data[: at + 1]
    return data


def edited_inside(data: bytes, edits: list[Edit], which: float) -> bytes:
    """A zip whose directory is in order and of which one member is damaged, which its checksum would else betray."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(one.filename, archive.read(one)) for one in archive.infolist()]
    chosen = int(which * len(members))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for number, (name, content) in enumerate(members):
            archive.writestr(name, edited(content, edits) if number == chosen else content)
    return buffer.getvalue()
