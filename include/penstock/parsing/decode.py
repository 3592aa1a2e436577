"""From bytes of text to characters, by byte order mark, by UTF-8, and only then by guessing."""

from __future__ import annotations

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LIKELY = ["cp1252", "cp932", "gb18030", "big5", "euc_kr", "euc_jp", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1256"]
"""What people's old files are in; among all of Python's encodings a short text is as likely to be Mac Turkish."""

SLAVIC = re.compile(rb"(?<=[a-z])[\x9d\xb3\xb9\xba\xbf](?=[a-z])|[\x8a\x8e\x9a\x9e](?=[a-z])|(?<=[a-z])[\x9a\x9e\x9f]")
HUNGARIAN = re.compile(rb"[\xf5\xfb]")
WESTERN = re.compile(rb"[\xe0\xe3\xe5\xe6\xe8\xea\xf1\xf8]")

PRINTED = bytes(set(range(256)) - set(range(1, 32)) | {9, 10, 12, 13, 27})
UNWRITTEN = {"Cc", "Cn", "Co", "Cs"}
BETWEEN_WORDS = " \n\u3000\u3001\u3002\uff0c"
BETWEEN_SHARE = 0.02

SAMPLE_BYTES = 1 << 16
FEW = 0.001
"""A text of which so small a share is not UTF-8 is damaged UTF-8; above it, another encoding."""


def decode(data: bytes) -> str:
    """Return the characters; what cannot be read becomes U+FFFD. Never raises."""
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if utf16 := utf16_without_bom(data):
        return data.decode(utf16, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for char in text[:SAMPLE_BYTES] if char > "\x7f" and char != "\ufffd")
    if bad < good or (bad <= 2 and bad / len(text) < FEW):
        return text
    return data.decode(_guessed(_around_first_error(data)), "replace")


def _guessed(sample: bytes) -> str:
    """Between the two code pages of Latin letters charset-normalizer cannot tell, and says cp1250 of every "señor"."""
    best = from_bytes(sample, cp_isolation=LIKELY).best()
    if best is None or (best.encoding == "cp1250" and not _central_european(sample)):
        return "cp1252"
    return best.encoding


def _central_european(sample: bytes) -> bool:
    """Whether bytes are letters in cp1250 that cp1252 makes signs inside words, or letters of none of its languages."""
    return bool(SLAVIC.search(sample) or (HUNGARIAN.search(sample) and not WESTERN.search(sample)))


def utf16_without_bom(data: bytes) -> str | None:
    """Latin text in UTF-16 has a zero in nearly every second byte; other scripts are known by what they are made of."""
    sample = data[:4096]
    if len(sample) < 8:
        return None
    if sample.count(0) >= len(sample) * 0.3:
        if sample[1::2].count(0) > sample[::2].count(0) * 4:
            return "utf-16-le"
        if sample[::2].count(0) > sample[1::2].count(0) * 4:
            return "utf-16-be"
    if len(data) % 2 or _is_plain(sample):
        return None
    return next((encoding for encoding in ("utf-16-le", "utf-16-be") if _is_written(sample, encoding)), None)


def _is_plain(sample: bytes) -> bool:
    """Whether it is UTF-8 without control characters but zeros, which are dirt."""
    return not sample.translate(None, PRINTED) and _decoded(sample, "utf-8") is not None


def _is_written(sample: bytes, encoding: str) -> bool:
    """Whether every pair of bytes is a character that people write, and enough of them stand between words.

    Those in UTF-16 are two bytes of which one is a control character, which no text of single bytes has in its place;
    pairs of letters alone prove nothing, since most make a Chinese character.
    """
    text = _decoded(sample, encoding)
    if not text or any(unicodedata.category(char) in UNWRITTEN and char not in "\t\r\n\ufeff" for char in text):
        return False
    return sum(text.count(mark) for mark in BETWEEN_WORDS) > len(text) * BETWEEN_SHARE


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The characters, of which the last may be cut off; none where it is another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None


def is_wide(data: bytes) -> bool:
    """Whether these are characters of two or four bytes, in which no ASCII-minded parser finds anything."""
    wide = any(data.startswith(bom) for bom, _ in BOMS[1:])
    return wide or utf16_without_bom(data) is not None


def _around_first_error(data: bytes) -> bytes:
    """A sample that holds what is not ASCII: a file's first pages may well be plain."""
    first = next((i for i, byte in enumerate(data) if byte > 0x7F), 0) if not data[:SAMPLE_BYTES].isascii() else 0
    if data[:SAMPLE_BYTES].isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            first = error.start
    begin = max(0, first - SAMPLE_BYTES // 4)
    return data[begin : begin + SAMPLE_BYTES]
