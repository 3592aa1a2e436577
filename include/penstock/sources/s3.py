"""A bucket as a source, or the folder ``prefix`` of one. Keys are what follows the prefix.

``handbook`` and ``handbook/`` are the same prefix: the folder, never ``handbook-old/``. Keys that end in ``/`` mark
folders and are no documents; hidden names are taken, since a bucket has no such notion (exclude ``.*`` if need be).

What a listing costs: one request per 1,000 objects. ``access_from`` = sidecar adds one GET per sidecar, metadata one
HEAD per document, tags one GetObjectTagging per document, ``concurrency`` at a time: rights are always today's.
A versioned bucket says with the bytes of which version they are, so a revision names it free of charge.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

from penstock.errors import FetchError, ListingError, TransientFetchError, TransientListingError
from penstock.keys import listed_key, source_name
from penstock.records import Fetched, SourceObject
from penstock.source_settings import S3Source
from penstock.sources import access
from penstock.sources.access import SIDECAR_SUFFIX, SILENT, Statement
from penstock.sources.base import Before, Reading, TooLargeError
from penstock.sources.globs import Globs
from penstock.sources.s3_client import client
from penstock.sources.s3_errors import CLIENT_ERRORS, Fault, Scope, explain, explain_listing

Listed = Mapping[str, Any]
"""One entry of ListObjectsV2: Key, ETag, LastModified, Size."""
READ_BYTES = 1 << 20
MAX_EMPTY_PAGES = 200
"""S3 may send a page with no keys and say that more follow; a server that does only that never ends."""


class S3Documents:
    """Lists and reads the objects of one bucket; see ``Source``. ``fetch`` may be called from several threads."""

    def __init__(self, name: str, settings: S3Source, connection: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self._settings = settings
        self._globs = Globs(name, settings.include, settings.exclude)
        self._rules = access.Rules(name, settings.access)
        self._client = client(name, settings, connection)
        folder = settings.prefix.strip("/")
        self._prefix = f"{folder}/" if folder else ""

    def list(self) -> Iterator[SourceObject]:
        objects = (item for page in self._pages() for item in page)
        if self._settings.access_from == "sidecar":
            return self._settled(
                partial(self._with_sidecar, item) if has_sidecar else self._object(item)
                for item, has_sidecar in self._paired(objects)
            )
        documents = (item for item in objects if self._takes(item["Key"]))
        match self._settings.access_from:
            case "metadata":
                return self._settled(partial(self._with_metadata, item) for item in documents)
            case "tags":
                return self._settled(partial(self._with_tags, item) for item in documents)
            case "rules":
                return (self._object(item) for item in documents)

    def read(self, _before: Before) -> Reading:
        return Reading(self.list())

    def fetch(self, item: SourceObject) -> Fetched:
        key = self._prefix + source_name(item.key)
        try:
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=key)
            with closing(answer["Body"]) as body:
                self._check_head(item, answer)
                data = _read(body, self._settings.max_bytes)
        except CLIENT_ERRORS as error:
            fault = explain(error)
            kind = TransientFetchError if fault.scope is Scope.TRANSIENT else FetchError
            raise kind(f"source {self.name!r}: {self._where(key)}: {fault}") from error
        if len(data) > self._settings.max_bytes:
            raise TooLargeError(self.name, item.key, len(data), self._settings.max_bytes)
        self._check_whole(item, answer, data)
        return Fetched(data, _version(answer))

    def _check_head(self, item: SourceObject, answer: Mapping[str, Any]) -> None:
        if answer["ContentLength"] > self._settings.max_bytes:
            raise TooLargeError(self.name, item.key, answer["ContentLength"], self._settings.max_bytes)
        # Where an object says itself who may read it, the words that were read belong to the bytes that were listed.
        if self._settings.access_from != "rules" and _etag(answer) != item.hint.split(" ")[0]:
            raise TransientFetchError(
                f"source {self.name!r}: {item.key!r} changed since it was listed together with its rights; sync again"
            )

    def _check_whole(self, item: SourceObject, answer: Mapping[str, Any], data: bytes) -> None:
        if len(data) != answer["ContentLength"]:
            found = f"{len(data):,} of {answer['ContentLength']:,} bytes"
            raise TransientFetchError(f"source {self.name!r}: {item.key!r} was cut short: {found} came; try again")
        expected = _md5_in_etag(answer)
        if expected and hashlib.md5(data, usedforsecurity=False).hexdigest() != expected:
            raise TransientFetchError(
                f"source {self.name!r}: the bytes of {item.key!r} do not match its ETag {expected}; try again"
            )

    def _pages(self) -> Iterator[Sequence[Listed]]:
        """Yield the listing page by page. An answer that leaves open whether it was all is an error."""
        arguments = {"Bucket": self._settings.bucket, "Prefix": self._prefix}
        tokens: set[str] = set()
        first_keys: set[str] = set()
        empty = 0
        while True:
            try:
                page = self._client.list_objects_v2(**arguments)
            except CLIENT_ERRORS as error:
                raise self._listing_error(explain_listing(error)) from error
            if "IsTruncated" not in page:
                raise self._broken("the answer is no S3 listing")
            items: Sequence[Listed] = page.get("Contents", [])
            if items:
                if not all(item["Key"].startswith(self._prefix) for item in items):
                    raise self._broken("it holds keys that were not asked for")
                if items[0]["Key"] in first_keys:
                    raise self._broken(f"the page that begins with {items[0]['Key']!r} came twice")
                first_keys.add(items[0]["Key"])
            empty = 0 if items else empty + 1
            yield items
            if not page["IsTruncated"]:
                return
            token = page.get("NextContinuationToken")
            if not token:
                raise self._broken("a page says that more follow and not where")
            if token in tokens or empty > MAX_EMPTY_PAGES:
                raise self._broken("the pages go round in a circle")
            tokens.add(token)
            arguments["ContinuationToken"] = token

    def _paired(self, objects: Iterator[Listed]) -> Iterator[tuple[Listed, bool]]:
        """Yield each document and whether it has a sidecar.

        S3 lists by the bytes of keys, so between ``a.md`` and ``a.md.access.json`` stand only keys that begin with
        ``a.md``: the documents that still wait are beginnings of one another, never more than a key has characters.
        """
        waiting: list[Listed] = []
        last = b""
        for item in objects:
            key = item["Key"]
            place = key.encode()
            if place <= last:
                raise self._broken(
                    f"{key!r} is listed after its place, and sidecars need the order of keys "
                    "(directory buckets have none); use another access_from"
                )
            last = place
            still: list[Listed] = []
            for document in waiting:
                sidecar = document["Key"] + SIDECAR_SUFFIX
                if key == sidecar:
                    yield document, True
                elif place > sidecar.encode():
                    yield document, False
                else:
                    still.append(document)
            waiting = [*still, item] if self._takes(key) else still
        yield from ((document, False) for document in waiting)

    def _settled(self, tasks: Iterable[SourceObject | Callable[[], SourceObject]]) -> Iterator[SourceObject]:
        """Yield objects in order and call those that need a request, ``concurrency`` at a time, a bounded way ahead."""
        ahead: deque[SourceObject | Future[SourceObject]] = deque()
        with ThreadPoolExecutor(self._settings.concurrency, f"source-{self.name}") as pool:
            try:
                for task in tasks:
                    ahead.append(task if isinstance(task, SourceObject) else pool.submit(task))
                    if len(ahead) > 4 * self._settings.concurrency:
                        yield _result(ahead.popleft())
                while ahead:
                    yield _result(ahead.popleft())
            finally:
                for waiting in ahead:
                    if isinstance(waiting, Future):
                        waiting.cancel()

    def _with_sidecar(self, item: Listed) -> SourceObject:
        key = item["Key"] + SIDECAR_SUFFIX
        try:
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=key)
            with closing(answer["Body"]) as body:
                data = _read(body, access.MAX_SIDECAR_BYTES)
        except CLIENT_ERRORS as error:
            return self._object(item, self._unreadable(key, explain(error)))
        return self._object(item, access.from_sidecar(key.removeprefix(self._prefix), data))

    def _with_metadata(self, item: Listed) -> SourceObject:
        key = item["Key"]
        try:
            head = self._client.head_object(Bucket=self._settings.bucket, Key=key)
        except CLIENT_ERRORS as error:
            return self._object(item, self._unreadable(key, explain(error)))
        name = key.removeprefix(self._prefix)
        if _etag(head) != _etag(item):
            return self._object(item, access.unreadable(name, "it changed while it was listed", "sync again"))
        return self._object(item, access.from_metadata(name, head["Metadata"], head.get("MissingMeta", 0)))

    def _with_tags(self, item: Listed) -> SourceObject:
        key = item["Key"]
        try:
            answer = self._client.get_object_tagging(Bucket=self._settings.bucket, Key=key)
        except CLIENT_ERRORS as error:
            return self._object(item, self._unreadable(key, explain(error)))
        tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
        return self._object(item, access.from_tags(key.removeprefix(self._prefix), tags))

    def _unreadable(self, key: str, fault: Fault) -> Statement:
        """Return the problem of one object; raise where it is everyone's, since then nothing was learned."""
        if fault.scope is not Scope.OBJECT:
            raise self._listing_error(fault, key)
        return access.unreadable(key.removeprefix(self._prefix), fault.what, fault.fix)

    def _object(self, item: Listed, own: Statement = SILENT) -> SourceObject:
        key = listed_key(item["Key"].removeprefix(self._prefix))
        return SourceObject(
            key,
            item["Size"],
            f"{_etag(item)} {item['LastModified'].isoformat()} {item['Size']}",
            self._rules.principals(key, own),
            own.fields,
            own.problem,
        )

    def _takes(self, key: str) -> bool:
        name = key.removeprefix(self._prefix)
        return not name.endswith(("/", SIDECAR_SUFFIX)) and self._globs.takes(name)

    def _where(self, key: str) -> str:
        at = self._settings.endpoint_url
        return f"s3://{self._settings.bucket}/{key}" + (f" at {at}" if at else "")

    def _listing_error(self, fault: Fault, key: str | None = None) -> ListingError:
        kind = TransientListingError if fault.scope is Scope.TRANSIENT else ListingError
        where = self._where(self._prefix if key is None else key)
        return kind(f"source {self.name!r}: {where} cannot be listed: {fault}; nothing is removed")

    def _broken(self, fault: str) -> ListingError:
        where = self._where(self._prefix)
        return ListingError(
            f"source {self.name!r}: the listing of {where} is not whole: {fault}; "
            f"check sources.{self.name}.endpoint_url and what stands before the bucket; nothing is removed"
        )


def _result(item: SourceObject | Future[SourceObject]) -> SourceObject:
    return item if isinstance(item, SourceObject) else item.result()


def _read(body: Any, limit: int) -> bytes:
    """Read a body to its end, where boto3 checks its length, or until it is larger than ``limit``."""
    data = bytearray()
    while len(data) <= limit and (part := body.read(READ_BYTES)):
        data += part
    return bytes(data)


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"')


def _version(answer: Mapping[str, Any]) -> str | None:
    """Return the version's name; what was written before the bucket kept versions is called "null"."""
    version = answer.get("VersionId")
    return None if version == "null" else version


def _md5_in_etag(answer: Mapping[str, Any]) -> str | None:
    """Return the ETag where it is the MD5 of the bytes: not of parts, not of what a key has encrypted."""
    etag = _etag(answer)
    encrypted = answer.get("ServerSideEncryption", "").startswith("aws:kms") or "SSECustomerAlgorithm" in answer
    is_md5 = len(etag) == 32 and all(c in "0123456789abcdef" for c in etag)
    return etag if is_md5 and not encrypted else None
