"""The rows of a log, each with its line: JSON Lines, CSV or Parquet, from a disk or a bucket."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from penstock import wording
from penstock.errors import UsageError
from penstock.feedback.saying import short

if TYPE_CHECKING:
    import pyarrow

MAX_LINE_BYTES = 16 * 2**20
QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class LogRow:
    """``line`` counts from 1, in a text file lines and in Parquet rows; without ``values``, what is wrong with it."""

    line: int
    values: dict[str, Any] | None
    problem: str = ""


def rows(place: str) -> Iterator[LogRow]:
    """Every row of a file, or of an object ``s3://bucket/key`` (credentials from the standard AWS variables).

    A bad row is one with a problem and stops nothing. Raises ``UsageError`` where the file as a whole cannot be read.
    """
    if not place.startswith("s3://") and Path(place).is_dir():
        raise UsageError(f"{place} is a folder; name the logs in it")
    ending = PurePosixPath(place).suffix.lower()
    if ending not in READERS:
        raise UsageError(f"{place}: {ending or 'no ending'!r} is no log; there are: {', '.join(sorted(READERS))}")
    with _opened(place) as file:
        yield from READERS[ending](place, file)


@contextmanager
def _opened(place: str) -> Iterator[BinaryIO]:
    if place.startswith("s3://"):
        yield _from_bucket(place)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(place).open("rb"))
        except OSError as error:
            raise UsageError(f"{place} cannot be read: {error.strerror}; name a file, or s3://BUCKET/KEY") from None
        yield file


def _from_bucket(place: str) -> BinaryIO:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    bucket, _, key = place.removeprefix("s3://").partition("/")
    try:
        store = from_url(f"s3://{bucket}", client_options={"allow_http": True})
        return io.BytesIO(bytes(store.get(key).bytes()))
    except (BaseError, OSError) as error:
        missing = isinstance(error, FileNotFoundError)
        said = "there is no such object" if missing else str(error).strip().partition("\n")[0]
        raise UsageError(f"{place} cannot be read: {said}; check the name, and the AWS variables") from error


def _json_lines(_place: str, file: BinaryIO) -> Iterator[LogRow]:
    line = 0
    while data := file.readline(MAX_LINE_BYTES + 1):
        line += 1
        if len(data) > MAX_LINE_BYTES:
            while data and not data.endswith(b"\n"):
                data = file.readline(MAX_LINE_BYTES)
            yield LogRow(line, None, f"the line is longer than {MAX_LINE_BYTES:,} bytes")
        elif data.strip():
            yield _json_row(line, data)


def _json_row(line: int, data: bytes) -> LogRow:
    try:
        values = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return LogRow(line, None, f"not UTF-8: byte {data[error.start]:#04x} at column {error.start + 1}")
    except (ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return LogRow(line, None, f"not JSON: {said}: {short(data.decode('utf-8-sig').strip())}")
    if not isinstance(values, dict):
        return LogRow(line, None, f"not a JSON object: {short(values)}")
    return LogRow(line, values)


def _csv(place: str, file: BinaryIO) -> Iterator[LogRow]:
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    header = lines.readline(MAX_LINE_BYTES)
    lines.seek(0)
    between = max(",;\t", key=QUOTED.sub("", header).count)  # some spreadsheets' commas stand before decimals
    reader = csv.DictReader(lines, strict=True, delimiter=between)
    reader.fieldnames = _columns(place, reader)
    while True:
        before = reader.reader.line_num
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield LogRow(reader.reader.line_num, None, f"not CSV: {error}{_swallowed(before, reader.reader.line_num)}")
            continue
        yield _csv_row(reader.line_num, values)


def _columns(place: str, reader: csv.DictReader[str]) -> list[str]:
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise UsageError(f"{place}: its first line, which names the columns, is not CSV: {error}; mend it") from None
    if not names:
        raise UsageError(f"{place} is empty; its first line names the columns")
    if any("\0" in name for name in names):
        raise UsageError(f"{place} is not UTF-8, but UTF-16 perhaps; save it as UTF-8")
    return names


def _swallowed(before: int, last: int) -> str:
    """What a quote that nothing closes takes with it: every line to the end of the file."""
    if last - before < 2:
        return ""
    return f"; it began on line {before + 1}, and {wording.count(last - before - 1, 'line')} after it went with it"


def _csv_row(line: int, values: dict[str | Any, Any]) -> LogRow:
    if None in values:
        return LogRow(line, None, f"more values than columns: {short(values[None])}")
    if None in values.values():
        return LogRow(line, None, f"{wording.count(list(values.values()).count(None), 'value')} missing")
    try:
        "".join(values.values()).encode()
    except UnicodeEncodeError:
        return LogRow(line, None, "not UTF-8")
    return LogRow(line, values)


def _parquet(place: str, file: BinaryIO) -> Iterator[LogRow]:
    import pyarrow
    from pyarrow import parquet

    line = 0
    try:
        for batch in parquet.ParquetFile(file).iter_batches(1_000):
            for nth in range(batch.num_rows):
                line += 1
                yield _parquet_row(line, batch.slice(nth, 1))
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:  # the last of a column's name
        raise UsageError(f"{place} is not whole Parquet: {' '.join(str(error).split())[:200]}") from None


def _parquet_row(line: int, row: pyarrow.RecordBatch) -> LogRow:
    values: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            values[name] = column[0].as_py()
        except (ValueError, OverflowError, KeyError) as error:  # no UTF-8; a time, or a zone, that Python has not
            return LogRow(line, None, f"{name} cannot be read: {short(str(error))}")
    return LogRow(line, values)


READERS: dict[str, Callable[[str, BinaryIO], Iterator[LogRow]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}
