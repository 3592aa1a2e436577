"""Zip, tar and gzip give up their members as documents of their own, within the limits of their parent."""

import gzip
import io
import os
import warnings
import zipfile

import pytest

from penstock.records import Attachment, Parsed, Reason, Refusal
from unit.parsing import documents
from unit.parsing.documents import MEMBERS, tar
from unit.parsing.test_refusals import encrypted_zip, nested_zip


def stored_zip(members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice, which is the point
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def found(parsed) -> dict[str, bytes]:
    assert isinstance(parsed, Parsed), parsed
    assert parsed.elements == ()
    return {one.name: one.data for one in parsed.attachments}


@pytest.mark.parametrize(
    ("name", "pack", "media_type"),
    [
        ("a.zip", documents.zipped, "application/zip"),
        ("a.tar", tar, "application/x-tar"),
        ("a.tar.gz", lambda members: gzip.compress(tar(members)), "application/gzip"),
        ("a.TGZ", lambda members: gzip.compress(tar(members)), "application/gzip"),
    ],
)
def test_members_come_back_under_their_paths(parse, name, pack, media_type):
    parsed = parse(name, pack(MEMBERS))
    assert found(parsed) == MEMBERS
    assert parsed.media_type == media_type


def test_a_gzip_has_one_member_called_like_itself(parse):
    assert found(parse("notes.md.gz", gzip.compress(b"# Notes"))) == {"notes.md": b"# Notes"}
    assert found(parse("log.gz", gzip.compress(b"one, ") + gzip.compress(b"two") + bytes(512))) == {"log": b"one, two"}


def test_names_are_safe_distinct_and_do_not_depend_on_neighbours(parse):
    packed = [
        ("a/index.md", b"1"), ("b/index.md", b"2"), ("B/Index.md", b"3"), ("a/index.md", b"4"),
        ("odd!/what?.md", b"5"), ("c\\d.md", b"6"), ("./e//f.md", b"7"), ("empty/", b""), ("__MACOSX/._x", b"8"),
        ("\u202egnp.md", b"9"), ("x" * 300 + ".md", b"10"),
    ]  # fmt: skip
    assert found(parse("a.zip", stored_zip(packed))) == {
        "a/index.md": b"1",
        "b/index.md": b"2",
        "B/Index-2.md": b"3",
        "a/index-2.md": b"4",
        "odd/what_.md": b"5",
        "c/d.md": b"6",
        "e/f.md": b"7",
        "gnp.md": b"9",
        "x" * 150 + ".md": b"10",
    }


def test_a_member_without_a_name_gets_one(parse):
    nameless = stored_zip([(zipfile.ZipInfo(""), b"Nameless."), ("b.txt", b"Named.")])
    assert found(parse("a.zip", nameless)) == {"member": b"Nameless.", "b.txt": b"Named."}


def test_a_damaged_member_costs_itself_alone(parse):
    data = stored_zip([("good.txt", b"Fine words."), ("bad.txt", b"Damaged words.")])
    parsed = parse("a.zip", data.replace(b"Damaged words.", b"Damaged wordz."))
    assert parsed.attachments == (
        Attachment("good.txt", b"Fine words."),
        Attachment(
            "bad.txt",
            b"",
            Refusal(Reason.TRUNCATED, "this member of the archive is damaged", "pack the archive again"),
        ),
    )


def many_small_bombs() -> bytes:
    """Each of the 20 is within every limit; together they are 800 MB in 8 kB."""
    inner = documents.zipped({"zeros": bytes(40 << 20)})
    return documents.zipped({f"{number}.zip": inner for number in range(20)})


def letter_with(name: str, data: bytes) -> bytes:
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"] = "See inside"
    message.set_content("Please open it.")
    message.add_attachment(data, "application", "zip", filename=name)
    return message.as_bytes()


REFUSED = {
    "too large": ("a.zip", lambda: documents.zipped({"a": os.urandom(1 << 20), "b": bytes(2 << 20)}), Reason.TOO_LARGE),
    "too large gzip": ("a.txt.gz", lambda: gzip.compress(b"word " * 600_000), Reason.TOO_LARGE),
    "no member": ("a.zip", lambda: documents.zipped({"folder/": b""}), Reason.EMPTY),
    "encrypted": ("a.zip", encrypted_zip, Reason.ENCRYPTED),
    "half a gzip": ("a.txt.gz", lambda: gzip.compress(os.urandom(5000))[:3000], Reason.TRUNCATED),
    "half a tar": ("a.tar", lambda: tar({"a.txt": b"x" * 5000})[:3000], Reason.TRUNCATED),
    "half a tar.gz": ("a.tgz", lambda: gzip.compress(tar({"a.txt": b"x" * 5000})[:3000]), Reason.TRUNCATED),
    "path out of a tar.gz": ("a.tgz", lambda: gzip.compress(tar({"../a.txt": b"x"})), Reason.UNSAFE_PATH),
    "zip called tar": ("a.tar", lambda: documents.zipped({"a.txt": b"x"}), Reason.WRONG_TYPE),
    "nested": ("a.zip", lambda: nested_zip(4), Reason.ARCHIVE_BOMB),
    "many small bombs in a mail": ("a.eml", lambda: letter_with("b.zip", many_small_bombs()), Reason.ARCHIVE_BOMB),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_archive_is_refused_with_its_reason(parse, case):
    name, make, reason = REFUSED[case]
    outcome = parse(name, make())
    assert isinstance(outcome, Refusal), outcome
    assert outcome.reason is reason


def test_the_whole_tree_of_archives_counts(parse):
    inner = documents.zipped({"zeros": bytes(20 << 20)})
    outcome = parse("a.zip", documents.zipped({f"{number}.zip": inner for number in range(5)}))
    assert outcome.reason is Reason.ARCHIVE_BOMB
    assert outcome.detail.endswith(" bytes that unpack to 83886080")  # four of them, and no more was looked at
    assert found(parse("a.zip", nested_zip(3)))


def test_a_bad_archive_inside_costs_itself_alone(parse):
    inner = documents.zipped({"../../x": "x"})
    assert found(parse("a.zip", documents.zipped({"bad.zip": inner, "good.txt": b"x"}))) == {
        "bad.zip": inner,
        "good.txt": b"x",
    }
    assert parse("bad.zip", inner).reason is Reason.UNSAFE_PATH
