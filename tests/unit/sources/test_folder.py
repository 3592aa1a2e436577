"""A folder as a source, on real files. Invariants 4, 5 and 8 where they touch a listing."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import FetchError, ListingError, TransientFetchError, TransientListingError
from penstock.records import Reason, Refusal, SourceObject
from penstock.source_settings import AccessRule, FolderSource
from penstock.sources import Source, TooLargeError, open_source
from penstock.sources.base import Before


def source(path: Path, **options: Any) -> Source:
    return open_source("docs", FolderSource(type="folder", path=path, when_silent=("public",), **options))


def write(root: Path, *keys: str, data: bytes = b"hello") -> None:
    for key in keys:
        file = root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def keys(of: Source) -> list[str]:
    return [item.key for item in of.list()]


def only(of: Source) -> SourceObject:
    (item,) = of.list()
    return item


def problems(of: Source) -> dict[str, Refusal | None]:
    return {item.key: item.problem for item in of.list()}


@pytest.fixture
def as_user() -> Iterator[Path]:
    """A folder of a user without root's rights, whom the test becomes."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield root
    finally:
        os.seteuid(was)
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o777)
        shutil.rmtree(root)


def test_files_are_listed_folder_by_folder_and_fetched(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "a.md", "x/z.md", "x/y/deep.txt", "Grüße/ñ 1.md")
    docs = source(tmp_path)
    listed = list(docs.list())
    assert [item.key for item in listed] == ["a.md", "b.md", "Grüße/ñ 1.md", "x/z.md", "x/y/deep.txt"]
    status = (tmp_path / "a.md").stat()
    assert listed[0] == SourceObject("a.md", 5, f"{status.st_mtime_ns}-{status.st_ctime_ns}-5")
    assert [docs.fetch(item).data for item in listed] == [b"hello"] * 5


def test_an_empty_folder_lists_empty(tmp_path: Path) -> None:
    assert keys(source(tmp_path)) == []


def test_the_hint_changes_with_the_bytes_and_not_otherwise(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    before = only(source(tmp_path))
    assert only(source(tmp_path)) == before
    write(tmp_path, "a.md", data=b"hello again")
    assert only(source(tmp_path)).hint != before.hint


def test_a_hint_of_before_times_of_change_were_looked_at_stands(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    status = (tmp_path / "a.md").stat()
    old = f"{status.st_mtime_ns}-{status.st_size}"
    for kept, expected in ((old, old), ("1-5", only(source(tmp_path)).hint)):
        (item,) = source(tmp_path).read(Before(hint_of=lambda _key, kept=kept: kept)).objects  # type: ignore[misc]
        assert item.hint == expected
        assert source(tmp_path).fetch(item).data == b"hello"


def test_names_that_hold_what_stands_before_an_attachment(tmp_path: Path) -> None:
    write(tmp_path, "may.eml!/plan.md", data=b"a file")
    write(tmp_path, "may.eml%21/plan.md", data=b"another")
    rules = [{"prefix": "may.eml!/", "principals": ["group:hr"]}]
    found = {item.key: item for item in source(tmp_path, access=rules).list()}
    assert {key: item.principals for key, item in found.items()} == {
        "may.eml%21/plan.md": ("group:hr",),
        "may.eml%2521/plan.md": None,
    }
    assert [source(tmp_path).fetch(item).data for item in found.values()] == [b"a file", b"another"]


def test_include_and_exclude(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "a.txt", "x/b.md", "drafts/c.md", "x/drafts/d.md")
    assert keys(source(tmp_path, include=("*.md",), exclude=("drafts/",))) == ["a.md", "x/b.md"]


def test_hidden_files_sidecars_and_what_is_no_file_are_no_documents(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ".DS_Store", ".git/config", "a.md.access.json", "orphan.access.json", ".access.json")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "sock"))
        assert keys(source(tmp_path)) == ["a.md"]


def test_a_missing_folder_is_an_error_and_not_an_empty_listing(tmp_path: Path) -> None:
    with pytest.raises(ListingError) as error:
        keys(source(tmp_path / "gone"))
    assert str(error.value) == (
        f"source 'docs': there is no folder {tmp_path}/gone; check sources.docs.path, or mount it; nothing is removed"
    )


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    with pytest.raises(ListingError) as error:
        keys(source(tmp_path / "a.md"))
    assert str(error.value) == (
        f"source 'docs': {tmp_path}/a.md is not a folder; check sources.docs.path, or mount it; nothing is removed"
    )


def test_a_folder_under_one_that_may_not_be_seen_is_an_error(as_user: Path) -> None:
    write(as_user, "x/docs/a.md")
    (as_user / "x").chmod(0)
    with pytest.raises(ListingError) as error:
        keys(source(as_user / "x/docs"))
    assert str(error.value) == (
        f"source 'docs': no permission to see {as_user}/x/docs; "
        "check sources.docs.path, or mount it; nothing is removed"
    )


def test_fetch_while_the_whole_folder_is_away_is_transient(tmp_path: Path) -> None:
    write(tmp_path, "root/a.md")
    docs = source(tmp_path / "root")
    item = only(docs)
    (tmp_path / "root").rename(tmp_path / "unmounted")
    with pytest.raises(TransientFetchError, match="there is no folder"):
        docs.fetch(item)


def test_a_folder_that_vanishes_during_the_listing_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "x/b.md")
    listing = source(tmp_path).list()
    assert next(listing).key == "a.md"
    shutil.rmtree(tmp_path / "x")
    with pytest.raises(TransientListingError) as error:
        list(listing)
    assert str(error.value) == (
        f"source 'docs': {tmp_path}/x vanished while it was listed; sync again; nothing is removed"
    )


def test_a_folder_that_vanishes_while_its_files_are_listed_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "x/a.md", "x/b.md")
    listing = source(tmp_path).list()
    assert next(listing).key == "x/a.md"
    (tmp_path / "x").rename(tmp_path / "y")
    (tmp_path / "x").mkdir()
    with pytest.raises(TransientListingError) as error:
        list(listing)
    assert str(error.value) == (
        f"source 'docs': {tmp_path}/x vanished while it was listed; sync again; nothing is removed"
    )


def test_a_file_that_vanishes_during_the_listing_is_as_if_listed_later(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "c.md")
    listing = source(tmp_path).list()
    assert next(listing).key == "a.md"
    (tmp_path / "b.md").unlink()
    assert [item.key for item in listing] == ["c.md"]


def test_a_folder_that_may_not_be_read_is_an_error_unless_excluded(as_user: Path) -> None:
    write(as_user, "a.md", "private/b.md")
    (as_user / "private").chmod(0)
    with pytest.raises(ListingError) as error:
        keys(source(as_user))
    assert str(error.value) == (
        f"source 'docs': {as_user}/private cannot be read: no permission; let the user that runs penstock read it, "
        "or name it in sources.docs.exclude; nothing is removed"
    )
    assert not error.value.transient
    assert keys(source(as_user, exclude=("private/",))) == ["a.md"]


def test_a_folder_whose_names_show_and_whose_files_do_not_is_an_error(as_user: Path) -> None:
    write(as_user, "private/b.md")
    (as_user / "private").chmod(0o444)
    with pytest.raises(ListingError, match=r"private/b\.md cannot be read: no permission"):
        keys(source(as_user))


def test_links_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "root/a.md", "outside/secret.md")
    (tmp_path / "root/link.md").symlink_to("a.md")
    (tmp_path / "root/out").symlink_to(tmp_path / "outside")
    assert keys(source(tmp_path / "root")) == ["a.md"]


def test_links_are_followed_inside_the_folder_and_never_out_of_it(tmp_path: Path) -> None:
    write(tmp_path, "root/v1/a.md", "root-two/secret.md")
    root = tmp_path / "root"
    (root / "current").symlink_to("v1")
    (root / "link.md").symlink_to("v1/a.md")
    (root / "out").symlink_to(tmp_path / "root-two")
    (root / "out.md").symlink_to(tmp_path / "root-two/secret.md")
    (root / "nothing.md").symlink_to("missing.md")
    docs = source(root, follow_links=True)
    out = Refusal(Reason.UNSAFE_PATH, "the link leads out of the source's folder", "put the file itself there")
    assert problems(docs) == {
        "current/a.md": None,
        "link.md": None,
        "v1/a.md": None,
        "out": out,
        "out.md": out,
        "nothing.md": Refusal(Reason.SOURCE_ERROR, "the link leads to nothing", "mend or remove the link"),
    }
    assert {docs.fetch(item).data for item in docs.list() if not item.problem} == {b"hello"}
    assert {item.principals for item in docs.list() if item.problem} == {("nobody",)}


def test_links_that_go_round_end(tmp_path: Path) -> None:
    write(tmp_path, "a/b/c.md")
    (tmp_path / "a/b/up").symlink_to("..")
    (tmp_path / "a/top").symlink_to(tmp_path)
    assert keys(source(tmp_path, follow_links=True)) == ["a/b/c.md"]


@pytest.mark.parametrize("follow_links", [False, True])
def test_a_link_put_in_the_place_of_a_listed_file_is_not_followed(tmp_path: Path, follow_links: bool) -> None:
    write(tmp_path, "root/x/a.md", "outside/a.md", data=b"secret")
    docs = source(tmp_path / "root", follow_links=follow_links)
    item = only(docs)
    shutil.rmtree(tmp_path / "root/x")
    (tmp_path / "root/x").symlink_to(tmp_path / "outside")
    with pytest.raises(FetchError) as error:
        docs.fetch(item)
    assert str(error.value) == "source 'docs': 'x/a.md' is reached through a link; put the file itself there"


def test_a_key_that_leads_out_is_not_fetched(tmp_path: Path) -> None:
    write(tmp_path, "root/a.md", "secret.md")
    docs = source(tmp_path / "root", follow_links=True)
    for key in ("../secret.md", str(tmp_path / "secret.md"), "."):
        with pytest.raises(FetchError):
            docs.fetch(SourceObject(key, 5, ""))


def test_a_folder_that_is_itself_a_link_is_a_source(tmp_path: Path) -> None:
    write(tmp_path, "v1/a.md")
    (tmp_path / "current").symlink_to("v1")
    docs = source(tmp_path / "current")
    assert docs.fetch(only(docs)).data == b"hello"


def test_a_name_that_is_not_utf8_is_listed_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_bytes(b"x")
    assert problems(source(tmp_path)) == {
        "caf\\xe9.md": Refusal(Reason.SOURCE_ERROR, "the file's name is not UTF-8", "rename the file"),
        "good.md": None,
    }


def test_fetch_of_a_file_that_is_gone(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    docs = source(tmp_path)
    item = only(docs)
    (tmp_path / "a.md").unlink()
    with pytest.raises(FetchError) as error:
        docs.fetch(item)
    assert str(error.value) == "source 'docs': 'a.md' is gone since it was listed; sync again"
    assert not error.value.transient


def test_fetch_without_permission(as_user: Path) -> None:
    write(as_user, "a.md")
    (as_user / "a.md").chmod(0)
    docs = source(as_user)
    with pytest.raises(FetchError) as error:
        docs.fetch(only(docs))
    assert str(error.value) == (
        f"source 'docs': no permission to read {as_user}/a.md; let the user that runs penstock read it"
    )


def test_fetch_of_what_is_too_large_also_where_it_grew(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    docs = source(tmp_path, max_bytes=5)
    item = only(docs)
    assert docs.fetch(item).data == b"hello"
    write(tmp_path, "a.md", data=b"hello!" * 1000)
    with pytest.raises(TooLargeError) as error:
        docs.fetch(item)
    assert str(error.value) == (
        "source 'docs': 'a.md' has 6,000 bytes, more than max_bytes = 5; "
        "split the document, or raise sources.docs.max_bytes"
    )


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_fetch_does_not_wait_for_what_is_no_longer_a_file(tmp_path: Path, make: Any) -> None:
    write(tmp_path, "a.md")
    docs = source(tmp_path)
    item = only(docs)
    (tmp_path / "a.md").unlink()
    make(tmp_path / "a.md")
    with pytest.raises(FetchError) as error:
        docs.fetch(item)
    assert str(error.value) == "source 'docs': 'a.md' is no longer a file; sync again"


def test_fetch_of_a_file_whose_length_is_not_what_the_disk_says() -> None:
    # /sys reports 4,096 bytes for files that hold fewer: what a file cut off during the read looks like.
    if not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists():
        pytest.skip("no such file on this system")
    docs = source(Path("/sys/kernel/mm/transparent_hugepage"))
    item = SourceObject("enabled", 4096, "")
    with pytest.raises(TransientFetchError) as error:
        docs.fetch(item)
    assert str(error.value) == "source 'docs': 'enabled' changed while it was read; try again"


def test_rules_say_who_may_read(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "hr/b.md")
    docs = source(tmp_path, access=(AccessRule(prefix="hr/", principals=("group:hr",)),))
    assert {item.key: item.principals for item in docs.list()} == {"a.md": None, "hr/b.md": ("group:hr",)}


def test_a_sidecar_says_who_may_read_its_document_only(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "hr/a.md")
    write(tmp_path, "a.md.access.json", data=b'{"principals": ["user:ana"], "fields": {"team": "people"}}')
    docs = source(tmp_path, access_from="sidecar", access=(AccessRule(prefix="hr/", principals=("group:hr",)),))
    assert {item.key: (item.principals, dict(item.fields)) for item in docs.list()} == {
        "a.md": (("user:ana",), {"team": "people"}),
        "b.md": (None, {}),
        "hr/a.md": (("group:hr",), {}),
    }


def test_a_changed_sidecar_shows_at_the_next_listing_and_leaves_the_hint(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "a.md.access.json", data=b'{"principals": ["public"]}')
    docs = source(tmp_path, access_from="sidecar")
    before = only(docs)
    write(tmp_path, "a.md.access.json", data=b'{"principals": ["nobody"]}')
    after = only(docs)
    assert (before.principals, after.principals) == (("public",), ("nobody",))
    assert after.hint == before.hint


def test_a_bad_sidecar_hurts_its_document_only_and_opens_it_to_nobody(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "c.md", "d.md")
    write(tmp_path, "a.md.access.json", data=b'{"principals": ["public"]')
    (tmp_path / "b.md.access.json").mkdir()
    (tmp_path / "c.md.access.json").symlink_to("/etc/passwd")
    docs = source(tmp_path, access_from="sidecar")
    details = {item.key: (item.principals, item.problem and item.problem.detail) for item in docs.list()}
    assert details == {
        "a.md": (
            ("nobody",),
            "a.md.access.json: it is not JSON: Expecting ',' delimiter: line 1 column 26 (char 25)",
        ),
        "b.md": (("nobody",), "b.md.access.json: it is not a file"),
        "c.md": (("nobody",), "c.md.access.json: it cannot be read: Too many levels of symbolic links"),
        "d.md": (None, None),
    }


def test_a_sidecar_that_may_not_be_read_is_a_problem(as_user: Path) -> None:
    write(as_user, "a.md", "a.md.access.json")
    (as_user / "a.md.access.json").chmod(0)
    assert problems(source(as_user, access_from="sidecar")) == {
        "a.md": Refusal(
            Reason.BAD_SIDECAR,
            "a.md.access.json: it cannot be read: Permission denied",
            "put a readable file there, no link",
        )
    }


def test_new_bytes_are_not_read_with_the_rights_of_old_ones(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    docs = source(tmp_path, access_from="sidecar")
    item = only(docs)
    write(tmp_path, "a.md", data=b"now a secret")
    with pytest.raises(TransientFetchError) as error:
        docs.fetch(item)
    assert str(error.value) == (
        "source 'docs': 'a.md' changed since it was listed together with its rights; sync again"
    )
    assert docs.fetch(only(docs)).data == b"now a secret"


def test_no_file_is_left_open(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "a.md.access.json", data=b"{}")
    docs = source(tmp_path, access_from="sidecar", max_bytes=1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(TooLargeError):
            docs.fetch(only(docs))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
