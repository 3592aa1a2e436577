"""A bucket as a source, on a real S3 API server (moto's) and on servers that misbehave, all on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.errors import FetchError, ListingError, TransientFetchError, TransientListingError
from penstock.records import Fetched, Reason, SourceObject
from penstock.source_settings import AccessRule, S3Source
from penstock.sources import Source, TooLargeError, open_source
from penstock.sources.base import FETCH_THREADS
from support.bucket import s3_client, s3_server, set_credentials

pytestmark = pytest.mark.server


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


@pytest.fixture(scope="session")
def s3(endpoint: str) -> Any:
    return s3_client(endpoint)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name)
    return name


def source(endpoint: str, bucket: str, given: dict[str, Any] | None = None, **options: Any) -> Source:
    settings: dict[str, Any] = {"when_silent": ("public",), "endpoint_url": endpoint, "concurrency": 4} | options
    if given is None:
        return open_source("docs", S3Source(type="s3", bucket=bucket, **settings))
    named = S3Source(type="s3", bucket=bucket, connection="given", **settings)
    return open_source("docs", named, {"given": given}.get)


def put(s3: Any, bucket: str, *keys: str, body: bytes = b"hello", **options: Any) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **options)


def keys(of: Source) -> list[str]:
    return [item.key for item in of.list()]


def only(of: Source) -> SourceObject:
    (item,) = of.list()
    return item


# What is listed and fetched


def test_objects_are_listed_and_fetched(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md", "x/b.md", "x/Grüße & <ñ> 1+1.md")
    docs = source(endpoint, bucket)
    listed = list(docs.list())
    assert [item.key for item in listed] == ["a.md", "x/Grüße & <ñ> 1+1.md", "x/b.md"]
    modified = s3.head_object(Bucket=bucket, Key="a.md")["LastModified"]
    etag, at, size = listed[0].hint.split(" ")
    assert (etag, size) == ("5d41402abc4b2a76b9719d911017c592", "5")
    assert at.startswith(modified.isoformat()[:19])
    assert listed[0] == SourceObject("a.md", 5, listed[0].hint)
    assert [docs.fetch(item).data for item in listed] == [b"hello"] * 3


def test_the_same_listing_twice_gives_the_same_hints_and_new_bytes_another(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md")
    docs = source(endpoint, bucket)
    before = only(docs)
    assert only(docs) == before
    put(s3, bucket, "a.md", body=b"hello again")
    assert only(docs).hint != before.hint
    assert docs.fetch(before).data == b"hello again"


@pytest.mark.parametrize("prefix", ["handbook", "handbook/", "/handbook/"])
def test_a_prefix_is_a_folder_and_keys_begin_after_it(s3: Any, endpoint: str, bucket: str, prefix: str) -> None:
    put(s3, bucket, "handbook/", "handbook/a.md", "handbook/x/b.md", "handbook/x/", "handbook-old/c.md", "d.md")
    docs = source(endpoint, bucket, prefix=prefix, include=("/a.md", "/x/*.md"))
    assert keys(docs) == ["a.md", "x/b.md"]
    assert [docs.fetch(item).data for item in docs.list()] == [b"hello", b"hello"]


def test_a_prefix_that_does_not_exist_and_an_empty_bucket_list_empty(endpoint: str, bucket: str) -> None:
    assert keys(source(endpoint, bucket)) == keys(source(endpoint, bucket, prefix="nowhere")) == []


@pytest.mark.parametrize("access_from", ["rules", "sidecar", "metadata", "tags"])
def test_many_pages_are_one_listing(
    s3: Any, endpoint: str, bucket: str, access_from: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{n:03}.md" for n in range(47)]
    put(s3, bucket, *names, "010.md.access.json", body=b"{}")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 7
    assert keys(source(endpoint, bucket, access_from=access_from)) == names


def test_include_exclude_and_sidecars_are_no_documents_in_any_mode(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md", "a.md.access.json", "b.txt", "drafts/c.md", "orphan.access.json", body=b"{}")
    for mode in ("rules", "sidecar", "metadata", "tags"):
        assert keys(source(endpoint, bucket, include=("*.md", "*.json"), exclude=("drafts/",), access_from=mode)) == [
            "a.md"
        ]


def test_fetch_from_several_threads(s3: Any, endpoint: str, bucket: str) -> None:
    for n in range(40):
        put(s3, bucket, f"{n:02}.md", body=b"%d" % n * 1000)
    docs = source(endpoint, bucket)
    with ThreadPoolExecutor(8) as pool:
        assert [one.data for one in pool.map(docs.fetch, docs.list())] == [b"%d" % n * 1000 for n in range(40)]


def test_an_object_in_parts_and_an_empty_one_are_fetched(s3: Any, endpoint: str, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big.bin")["UploadId"]
    parts = []
    for number, data in enumerate([b"a" * 5 * 2**20, b"b"], start=1):
        answer = s3.upload_part(Bucket=bucket, Key="big.bin", PartNumber=number, UploadId=upload, Body=data)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="big.bin", UploadId=upload, MultipartUpload={"Parts": parts})
    put(s3, bucket, "empty.md", body=b"")
    docs = source(endpoint, bucket)
    assert [len(docs.fetch(item).data) for item in docs.list()] == [5 * 2**20 + 1, 0]


def test_too_large_is_said_before_the_bytes_are_read(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md")
    docs = source(endpoint, bucket, max_bytes=4)
    with pytest.raises(TooLargeError) as error:
        docs.fetch(only(docs))
    assert str(error.value) == (
        "source 'docs': 'a.md' has 5 bytes, more than max_bytes = 4; "
        "split the document, or raise sources.docs.max_bytes"
    )


# Who may read (invariant 8)


def test_rules(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "x/a.md", "x/hr/b.md")
    docs = source(endpoint, bucket, prefix="x", access=(AccessRule(prefix="hr/", principals=("group:hr",)),))
    assert {item.key: item.principals for item in docs.list()} == {"a.md": None, "hr/b.md": ("group:hr",)}


def test_sidecars_are_found_also_where_other_keys_stand_between(s3: Any, endpoint: str, bucket: str) -> None:
    said = {"a": "user:a", "a-1": None, "a.accesa": "user:x", "a.md": "user:md", "a.md!": None, "b": None, "x/a": "u"}
    for key, principal in said.items():
        put(s3, bucket, f"p/{key}")
        if principal:
            put(s3, bucket, f"p/{key}.access.json", body=b'{"principals": ["%s"]}' % principal.encode())
    docs = source(endpoint, bucket, prefix="p", access_from="sidecar")
    assert {item.key: item.principals for item in docs.list()} == {
        key: (principal,) if principal else None for key, principal in said.items()
    }


def test_a_changed_sidecar_shows_and_leaves_the_hint(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md")
    put(s3, bucket, "a.md.access.json", body=b'{"principals": ["public"], "fields": {"team": "people"}}')
    docs = source(endpoint, bucket, access_from="sidecar")
    before = only(docs)
    put(s3, bucket, "a.md.access.json", body=b'{"principals": ["nobody"]}')
    after = only(docs)
    assert (before.principals, before.fields) == (("public",), {"team": "people"})
    assert (after.principals, after.fields) == (("nobody",), {})
    assert after.hint == before.hint


def test_metadata(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md", Metadata={"penstock-principals": "user:ana,group:hr", "penstock-field-team": "people"})
    put(s3, bucket, "b.md", Metadata={"owner": "bob"})
    docs = source(endpoint, bucket, access_from="metadata")
    assert {item.key: (item.principals, dict(item.fields)) for item in docs.list()} == {
        "a.md": (("group:hr", "user:ana"), {"team": "people"}),
        "b.md": (None, {}),
    }
    assert docs.fetch(next(docs.list())).data == b"hello"


def test_tags_and_a_changed_tag_leaves_the_hint(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md", Tagging="penstock%3Aprincipals=user%3Aana%20group%3Ahr&penstock%3Afield%3Ateam=people")
    docs = source(endpoint, bucket, access_from="tags")
    before = only(docs)
    tags = [{"Key": "penstock:principals", "Value": "nobody"}]
    s3.put_object_tagging(Bucket=bucket, Key="a.md", Tagging={"TagSet": tags})
    after = only(docs)
    assert (before.principals, before.fields) == (("group:hr", "user:ana"), {"team": "people"})
    assert (after.principals, after.hint) == (("nobody",), before.hint)


@pytest.mark.parametrize(
    ("mode", "options", "sidecar", "detail"),
    [
        ("sidecar", {}, b"{", "a.md.access.json: it is not JSON: Expecting property name enclosed in double quotes: "),
        ("sidecar", {}, b" " * 70_000, "a.md.access.json: it is larger than 65,536 bytes"),
        ("metadata", {"Metadata": {"penstock-principal": "x"}}, b"{}", "a.md: unknown name 'penstock-principal'; "),
        ("tags", {"Tagging": "penstock%3Aprincipals="}, b"{}", "a.md: the list of principals is empty; "),
    ],
)
def test_a_bad_statement_hurts_its_document_only_and_opens_it_to_nobody(
    s3: Any, endpoint: str, bucket: str, mode: str, options: dict[str, Any], sidecar: bytes, detail: str
) -> None:
    put(s3, bucket, "x/a.md", **options)
    put(s3, bucket, "x/a.md.access.json", body=sidecar)
    put(s3, bucket, "x/b.md")
    bad, good = source(endpoint, bucket, access_from=mode, prefix="x/").list()
    assert bad.problem is not None
    assert bad.problem.reason == Reason.BAD_SIDECAR
    assert bad.problem.detail.startswith(detail)
    assert (bad.key, bad.principals) == ("a.md", ("nobody",))
    assert (good.key, good.principals, good.problem) == ("b.md", None, None)


@pytest.mark.parametrize("mode", ["sidecar", "metadata", "tags"])
def test_new_bytes_are_not_read_with_the_rights_of_old_ones(s3: Any, endpoint: str, bucket: str, mode: str) -> None:
    put(s3, bucket, "a.md")
    docs = source(endpoint, bucket, access_from=mode)
    item = only(docs)
    put(s3, bucket, "a.md", body=b"now a secret")
    with pytest.raises(TransientFetchError) as error:
        docs.fetch(item)
    assert str(error.value) == (
        "source 'docs': 'a.md' changed since it was listed together with its rights; sync again"
    )


@pytest.mark.parametrize("mode", ["metadata", "tags"])
def test_an_object_that_goes_away_before_its_rights_are_read_is_not_opened(
    s3: Any, endpoint: str, bucket: str, mode: str
) -> None:
    names = [f"{n:02}.md" for n in range(30)]
    put(s3, bucket, *names)
    listing = source(endpoint, bucket, access_from=mode, concurrency=1).list()
    next(listing)
    s3.delete_object(Bucket=bucket, Key="29.md")
    last = list(listing)[-1]
    assert (last.key, last.principals) == ("29.md", ("nobody",))
    assert last.problem is not None
    assert last.problem.detail == "29.md: it is gone since it was listed"


@pytest.mark.parametrize("mode", ["rules", "sidecar", "metadata", "tags"])
def test_a_versioned_bucket_says_which_version_the_bytes_are(s3: Any, endpoint: str, bucket: str, mode: str) -> None:
    put(s3, bucket, "before.md")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "a.md", "b.md", body=b"old")
    put(s3, bucket, "a.md", body=b"new")
    s3.delete_object(Bucket=bucket, Key="b.md")
    docs = source(endpoint, bucket, access_from=mode)
    listed = list(docs.list())
    version = s3.head_object(Bucket=bucket, Key="a.md")["VersionId"]
    assert [docs.fetch(item) for item in listed] == [Fetched(b"new", version), Fetched(b"hello", None)]


def test_a_deleted_object_of_a_versioned_bucket_is_gone(s3: Any, endpoint: str, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "a.md")
    docs = source(endpoint, bucket)
    item = only(docs)
    s3.delete_object(Bucket=bucket, Key="a.md")
    assert keys(docs) == []
    with pytest.raises(FetchError) as error:
        docs.fetch(item)
    assert str(error.value) == (
        f"source 'docs': s3://{bucket}/a.md at {endpoint}: it is gone since it was listed; sync again"
    )
    assert not error.value.transient


# Credentials and connections


def test_a_connection_gives_credentials_region_and_endpoint(
    s3: Any, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, bucket, "a.md")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    extra = {"endpoint_url": endpoint, "region_name": "eu-west-1", "aws_session_token": "t"}
    connection = {"login": "AKIA", "password": "s", "extra": extra}
    assert keys(source(endpoint, bucket, connection, endpoint_url=None)) == ["a.md"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DOCS", f"aws://AKIA:s@/?region_name=eu-west-1&endpoint_url={endpoint}")
    assert keys(source(endpoint, bucket, endpoint_url=None, connection="aws_docs")) == ["a.md"]


def test_a_connection_takes_on_a_role(s3: Any, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, bucket, "a.md")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint)
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader", "external_id": "42"}
    docs = source(endpoint, bucket, {"login": "AKIA", "password": "s", "extra": role})
    assert docs.fetch(only(docs)).data == b"hello"
    assert docs._client._request_signer._credentials.access_key.startswith("ASIA")  # type: ignore[attr-defined]


def test_a_role_that_cannot_be_taken_on_is_everyones_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader"}
    with server(lambda *_: (403, {}, body)) as at:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", at)
        docs = source(at, "b", {"login": "AKIA", "password": "s", "extra": role})
        with pytest.raises(ListingError) as error:
            keys(docs)
    assert str(error.value) == (
        f"source 'docs': s3://b/ at {at} cannot be listed: the role cannot be taken on: An error occurred "
        "(AccessDenied) when calling the AssumeRole operation (reached max retries: 0): no; "
        "check the connection's role_arn; nothing is removed"
    )


def test_no_credentials(endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ListingError) as error:
        keys(source(endpoint, bucket))
    assert str(error.value) == (
        f"source 'docs': s3://{bucket}/ at {endpoint} cannot be listed: there are no credentials; name an Airflow "
        "connection in `connection`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; nothing is removed"
    )
    assert not error.value.transient


def test_unknown_keys(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, "a.md")
    docs = source(endpoint, bucket)
    item = only(docs)
    set_open_requests(endpoint, 0)
    try:
        with pytest.raises(ListingError) as listing:
            keys(docs)
        with pytest.raises(FetchError) as fetch:
            docs.fetch(item)
    finally:
        set_open_requests(endpoint, 1 << 40)
    advice = "the credentials are not accepted; check the connection or the environment's AWS keys"
    assert (
        str(listing.value)
        == f"source 'docs': s3://{bucket}/ at {endpoint} cannot be listed: {advice}; nothing is removed"
    )
    assert str(fetch.value) == f"source 'docs': s3://{bucket}/a.md at {endpoint}: {advice}"


def set_open_requests(endpoint: str, count: int) -> None:
    """Tell moto how many more requests to let through before it checks who asks."""
    http = HTTPConnection(urlsplit(endpoint).netloc, timeout=5)
    http.request("POST", "/moto-api/reset-auth", str(count), {"Content-Type": "text/plain"})
    assert http.getresponse().status == 200
    http.close()


def test_no_bucket(endpoint: str) -> None:
    with pytest.raises(ListingError) as error:
        keys(source(endpoint, "no-such-bucket", prefix="x"))
    assert str(error.value) == (
        f"source 'docs': s3://no-such-bucket/x/ at {endpoint} cannot be listed: there is no such bucket; "
        "check bucket, region and endpoint_url; nothing is removed"
    )
    assert not error.value.transient


def test_nothing_at_the_endpoint() -> None:
    with pytest.raises(TransientListingError) as error:
        keys(source("http://127.0.0.1:9", "b"))
    assert str(error.value) == (
        "source 'docs': s3://b/ at http://127.0.0.1:9 cannot be listed: nothing answers there; "
        "check endpoint_url and the network, or try again later; nothing is removed"
    )


# Servers that misbehave (invariant 5)

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def server(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[str]:
    """Serve ``answer(path, query)``. A Content-Length that it names is sent as named, whatever follows."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body)), "Connection": "close"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_GET  # noqa: N815
        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def page(*names: str, following: str | None = None, truncated: bool = True) -> Answer:
    contents = "".join(
        f"<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag><Size>5</Size></Contents>"
        for name in names
    )
    token = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    text = (
        f"<ListBucketResult><Name>b</Name><IsTruncated>{str(truncated).lower()}</IsTruncated>"
        f"{token}{contents}</ListBucketResult>"
    )
    return 200, {"Content-Type": "application/xml"}, text.encode()


def broken_listing(answer: Callable[[str, dict[str, str]], Answer], **options: Any) -> tuple[list[str], ListingError]:
    """Return what was yielded before the error, and the error."""
    seen: list[str] = []
    with server(answer) as at, pytest.raises(ListingError) as error:
        seen.extend(item.key for item in source(at, "b", **options).list())
    message = str(error.value)
    assert message.startswith("source 'docs': ")
    assert message.endswith("; nothing is removed")
    return seen, error.value


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        ([page("a", following="1"), page("b", following="1")], "the pages go round in a circle"),
        ([page("a", following="1"), page("a", following="2")], "the page that begins with 'a' came twice"),
        (
            [page("a", following="1"), page("b", following="2"), page("a", following="3")],
            "the page that begins with 'a' came twice",
        ),
        ([page("a")], "a page says that more follow and not where"),
        ([(200, {}, b"<html><body>Welcome</body></html>")], "the answer is no S3 listing"),
        ([page("a", following="1"), (200, {}, b"<Listing/>")], "the answer is no S3 listing"),
    ],
)
def test_a_listing_that_may_not_be_whole_is_an_error(pages: list[Answer], fault: str) -> None:
    left = iter(pages)
    _, error = broken_listing(lambda *_: next(left))
    assert f" is not whole: {fault}; check sources.docs.endpoint_url" in str(error)


def test_keys_that_were_not_asked_for_are_an_error() -> None:
    _, error = broken_listing(lambda *_: page("x/a", "y/b", truncated=False), prefix="x")
    assert " is not whole: it holds keys that were not asked for; check" in str(error)


def test_pages_without_end_are_an_error() -> None:
    count = iter(range(10**6))
    _, error = broken_listing(lambda *_: page(following=str(next(count))))
    assert "the pages go round in a circle" in str(error)


BUSY = "the server is busy or failing; try again later"
NOT_S3 = "the answer is not S3's, or it broke off; check that endpoint_url is an S3 API, or try again later"


@pytest.mark.parametrize("mode", ["rules", "sidecar"])
@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ((500, {}, b""), NOT_S3),
        ((503, {}, b"<Error><Code>SlowDown</Code></Error>"), BUSY),
        ((429, {}, b""), NOT_S3),
        ((200, {"Content-Length": "5000"}, page("b")[2][:-30]), NOT_S3),
        ((200, {}, b"<Error><Code>InternalError</Code></Error>"), BUSY),
        ((200, {}, b"not XML at all"), NOT_S3),
    ],
)
def test_a_listing_that_breaks_off_is_transient(last: Answer, fault: str, mode: str) -> None:
    answers = iter([page("a", following="1"), last])
    _, error = broken_listing(lambda *_: next(answers), access_from=mode)
    assert error.transient
    assert f" cannot be listed: {fault}; nothing is removed" in str(error)


@pytest.mark.parametrize(
    ("code", "status", "fault"),
    [
        ("AccessDenied", 403, "access is denied; the credentials need s3:ListBucket on the bucket and s3:GetObject "),
        ("ExpiredToken", 400, "the credentials have expired; renew them and sync again"),
        ("SignatureDoesNotMatch", 403, "the credentials are not accepted; check the connection or the environment's"),
        ("AuthorizationHeaderMalformed", 400, "the bucket is in another region; set region to the bucket's"),
        ("RequestTimeTooSkewed", 403, "this machine's clock is wrong by too much; set the clock"),
        ("404", 404, "there is no such bucket; check bucket, region and endpoint_url"),
        ("Odd", 400, "the server says An error occurred (Odd) when calling the ListObjectsV2 operation"),
    ],
)
def test_what_s3_refuses_for_good_is_said_with_the_fix(code: str, status: int, fault: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    _, error = broken_listing(lambda *_: (status, {}, body))
    assert f" cannot be listed: {fault}" in str(error)
    assert not error.transient


def test_sidecars_need_keys_in_order() -> None:
    _, error = broken_listing(lambda *_: page("b", "a", truncated=False), access_from="sidecar")
    assert "'a' is listed after its place, and sidecars need the order of keys" in str(error)
    with server(lambda *_: page("b", "a", truncated=False)) as at:
        assert keys(source(at, "b")) == ["b", "a"]


@pytest.mark.parametrize("mode", ["sidecar", "metadata", "tags"])
@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [(503, "SlowDown", True), (400, "ExpiredToken", True), (403, "AccessDenied", False)],
)
def test_rights_that_cannot_be_read_end_the_listing_or_close_the_document(
    mode: str, status: int, code: str, ends: bool
) -> None:
    def answer(_path: str, query: dict[str, str]) -> Answer:
        if "list-type" in query:
            return page("a", "a.access.json", "b", truncated=False)
        return status, {}, f"<Error><Code>{code}</Code></Error>".encode()

    if ends:
        broken_listing(answer, access_from=mode)
        return
    with server(answer) as at:
        first = next(source(at, "b", access_from=mode).list())
    assert (first.key, first.principals) == ("a", ("nobody",))
    assert first.problem is not None
    assert first.problem.detail.endswith(": access is denied")


BODY = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"5d41402abc4b2a76b9719d911017c592"'}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((200, BODY | {"Content-Length": "500"}, b"hello"), "s3://b/a at {at}: the connection broke off; try again"),
        ((200, BODY, b"jello"), "the bytes of 'a' do not match its ETag 5d41402abc4b2a76b9719d911017c592; try again"),
        (
            (503, {}, b"<Error><Code>SlowDown</Code></Error>"),
            "s3://b/a at {at}: the server is busy or failing; try again later",
        ),
    ],
)
def test_a_body_that_is_not_whole_is_transient(answer: Answer, fault: str) -> None:
    with server(lambda *_: answer) as at, pytest.raises(TransientFetchError) as error:
        source(at, "b").fetch(SourceObject("a", 5, ""))
    assert str(error.value) == f"source 'docs': {fault.format(at=at)}"


def test_an_etag_of_parts_or_of_what_a_key_encrypted_is_not_compared() -> None:
    item = SourceObject("a", 5, "")
    for headers in ({"ETag": '"5d41402abc4b2a76b9719d911017c592-2"'}, {"x-amz-server-side-encryption": "aws:kms"}):
        with server(lambda *_, headers=headers: (200, BODY | headers, b"jello")) as at:
            assert source(at, "b").fetch(item).data == b"jello"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("AccessDenied", "access is denied; the credentials need s3:ListBucket on the bucket and s3:GetObject on its "),
        ("InvalidObjectState", "it is archived; restore it from Glacier, or exclude it"),
    ],
)
def test_an_object_that_may_not_be_read_is_permanent(code: str, fault: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with server(lambda *_: (403, {}, body)) as at, pytest.raises(FetchError) as error:
        source(at, "b").fetch(SourceObject("a", 5, ""))
    assert str(error.value).startswith(f"source 'docs': s3://b/a at {at}: {fault}")
    assert not error.value.transient


def test_every_thread_that_fetches_has_a_connection_that_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(FETCH_THREADS)

    def answer(*_: Any) -> Answer:
        together.wait(timeout=30)  # every thread's request is under way before one of them is answered
        return 200, BODY, b"hello"

    item = SourceObject("a", 5, "")
    with server(answer) as at, ThreadPoolExecutor(FETCH_THREADS) as threads:
        docs = source(at, "b", concurrency=1)
        for _ in range(2):
            fetched = [threads.submit(docs.fetch, item) for _ in range(FETCH_THREADS)]
            assert [one.result().data for one in fetched] == [b"hello"] * FETCH_THREADS
    assert not [record for record in caplog.records if "pool is full" in record.getMessage()]


def test_an_abandoned_listing_leaves_no_thread(s3: Any, endpoint: str, bucket: str) -> None:
    put(s3, bucket, *(f"{n:02}.md" for n in range(30)))
    listing = source(endpoint, bucket, access_from="metadata").list()
    next(listing)
    listing.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("source-docs")]
