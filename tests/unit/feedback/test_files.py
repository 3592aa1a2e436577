"""The rows of logs with their lines, bad ones too."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from penstock.errors import UsageError
from penstock.feedback.files import MAX_LINE_BYTES, LogRow, rows


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        b'\xef\xbb\xbf{"a": 1}', b"", b'{"a": }', b"[1]", b'{"a": "\xff"}', b'{"a": "' + b"x" * MAX_LINE_BYTES + b'"}',
        b'{"a": 2}',
    ]  # fmt: skip
    path.write_bytes(b"\r\n".join(lines))
    assert list(rows(str(path))) == [
        LogRow(1, {"a": 1}),
        LogRow(3, None, "not JSON: Expecting value: '{\"a\": }'"),
        LogRow(4, None, "not a JSON object: [1]"),
        LogRow(5, None, "not UTF-8: byte 0xff at column 8"),
        LogRow(6, None, "the line is longer than 16,777,216 bytes"),
        LogRow(7, {"a": 2}),
    ]


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\n1,"two\nlines"\n1\n1,2,3\n\xff,2\n4,5\n')
    assert list(rows(str(path))) == [
        LogRow(3, {"a": "1", "b": "two\nlines"}),
        LogRow(4, None, "1 value missing"),
        LogRow(5, None, "more values than columns: ['3']"),
        LogRow(6, None, "not UTF-8"),
        LogRow(7, {"a": "4", "b": "5"}),
    ]


@pytest.mark.parametrize("between", [";", "\t"])
def test_csv_as_spreadsheets_write_it_where_a_comma_stands_before_decimals(tmp_path: Path, between: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"\ufeffa{between}b\n0,5{between}x\n", encoding="utf-8")
    assert list(rows(str(path))) == [LogRow(2, {"a": "0,5", "b": "x"})]


def test_what_is_quoted_in_a_header_stands_between_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('a;"why, in a few words, if any"\n1;x\n')
    assert list(rows(str(path))) == [LogRow(2, {"a": "1", "why, in a few words, if any": "x"})]


def test_space_around_the_name_of_a_column_is_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("a, b\n1, x\n")
    assert list(rows(str(path))) == [LogRow(2, {"a": "1", "b": " x"})]


def test_a_quote_that_nothing_closes_says_what_it_takes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('a,b\n1,"two"x\n3,"four\n' + "5,6\n" * 50)
    assert list(rows(str(path))) == [
        LogRow(2, None, "not CSV: ',' expected after '\"'"),
        LogRow(53, None, "not CSV: unexpected end of data; it began on line 3, and 50 lines after it went with it"),
    ]


def test_a_bad_row_of_parquet_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    no_utf8 = pa.Array.from_buffers(pa.binary(), 3, pa.array([b"x", b"\xff", b"y"]).buffers()).view(pa.string())
    at = pa.array([0, 0, 2**40], pa.timestamp("s", "UTC"))
    parquet.write_table(pa.table({"a": no_utf8, "at": at}), path)
    found = list(rows(str(path)))
    assert [(one.line, one.values is None) for one in found] == [(1, False), (2, True), (3, True)]
    assert [one.problem.partition(":")[0] for one in found[1:]] == ["a cannot be read", "at cannot be read"]


def test_a_time_zone_that_there_is_not_is_that_of_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table({"at": pa.array([0], pa.timestamp("s", "Mars/Phobos"))}), path)
    assert [(one.line, one.problem) for one in rows(str(path))] == [(1, "at cannot be read: \"'Mars/Phobos'\"")]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table({"a": [1, 2], "b": [["x"], None]}), path)
    assert list(rows(str(path))) == [LogRow(1, {"a": 1, "b": ["x"]}), LogRow(2, {"a": 2, "b": None})]


def test_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"PAR1 and then nothing")
    parquet.write_table(pa.table({"rating": ["up"]}), tmp_path / "damaged.parquet", store_schema=False)
    whole = (tmp_path / "damaged.parquet").read_bytes()
    (tmp_path / "damaged.parquet").write_bytes(whole.replace(b"rating", b"r\xfftin\xff"))
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "open.csv").write_bytes(b'"question,rating\nwhat is rye?,up\n')
    (tmp_path / "wide.csv").write_text("question\trating\n", "utf-16")
    for name, message in {
        ".": "is a folder; name the logs in it$",
        "log.xml": "log.xml: '.xml' is no log; there are: .csv, .jsonl, .ndjson, .parquet$",
        "none.csv": "none.csv cannot be read: No such file or directory; name a file, or s3://BUCKET/KEY$",
        "log.parquet": "log.parquet is not whole Parquet: ",
        "damaged.parquet": "damaged.parquet is not whole Parquet: 'utf-8' codec can't decode byte 0xff in position 1: ",
        "empty.csv": "empty.csv is empty; its first line names the columns$",
        "open.csv": "open.csv: its first line, which names the columns, is not CSV: unexpected end of data; mend it$",
        "wide.csv": "wide.csv is not UTF-8, but UTF-16 perhaps; save it as UTF-8$",
    }.items():
        with pytest.raises(UsageError, match=message):
            list(rows(str(tmp_path / name)))
