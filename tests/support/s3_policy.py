"""An IAM policy as S3 enforces it, for a proxy in front of a server that asks for no rights.

Which action a request needs is written here by hand after what AWS documents; no server of AWS's has confirmed it.
Of a policy's language it has what the project's policies say: ``Allow``, actions, resources, ``StringLike`` on
``s3:prefix``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import xmltodict  # type: ignore[import-untyped]

from support.s3_proxy import Answer, Forward, Request, refused

DENIED = refused(403, "AccessDenied")


@dataclass(frozen=True)
class Need:
    """One right that a request takes; ``prefix`` is what a listing asks for."""

    action: str
    resource: str
    prefix: str | None = None


def needs(request: Request) -> Iterator[Need]:
    """The rights that one request takes."""
    query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    bucket, _, key = request.key.partition("/")
    resource = f"arn:aws:s3:::{bucket}"
    if not key:
        yield from _of_bucket(request, query, resource)
        return
    if source := request.headers.get("x-amz-copy-source"):
        yield Need("s3:GetObject", f"arn:aws:s3:::{source.lstrip('/')}")
    yield Need(_of_object(request.method, query), f"{resource}/{key}")


def _of_bucket(request: Request, query: dict[str, list[str]], bucket: str) -> Iterator[Need]:
    if "delete" in query:
        for one in xmltodict.parse(request.body, force_list=("Object",))["Delete"]["Object"]:
            yield Need("s3:DeleteObjectVersion" if "VersionId" in one else "s3:DeleteObject", f"{bucket}/{one['Key']}")
        return
    assert request.method in ("GET", "HEAD"), f"{request.method} {request.path} is no request of a worker's"
    prefix = query.get("prefix", [""])[0]
    yield Need("s3:ListBucketVersions" if "versions" in query else "s3:ListBucket", bucket, prefix)


def _of_object(method: str, query: dict[str, list[str]]) -> str:
    if "tagging" in query:
        return f"s3:{method.capitalize()}ObjectTagging"
    if method == "DELETE" and "uploadId" in query:
        return "s3:AbortMultipartUpload"
    if method == "DELETE" and "versionId" in query:
        return "s3:DeleteObjectVersion"
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}.get(method, "s3:PutObject")


@dataclass
class Policy:
    """What a policy allows; it remembers what was ``used`` of it and what was ``denied``."""

    statements: list[dict[str, Any]]
    used: set[tuple[str, str]] = field(default_factory=set)
    """Action and the policy's own words for the resource."""
    denied: list[Need] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, **names: str) -> Policy:
        """The policy in a file, with some of its names replaced."""
        text = path.read_text()
        for old, new in names.items():
            assert old in text
            text = text.replace(old, new)
        return cls(json.loads(text)["Statement"])

    def grants(self) -> set[tuple[str, str]]:
        """Everything that the policy says may be done, to what."""
        return {
            (action, where)
            for one in self.statements
            for action in _all(one["Action"])
            for where in _all(one["Resource"])
        }

    def allows(self, need: Need) -> bool:
        found = [
            (need.action, where)
            for one in self.statements
            for where in _all(one["Resource"])
            if need.action in _all(one["Action"]) and fnmatchcase(need.resource, where) and _holds(one, need)
        ]
        self.used.update(found)
        return bool(found)

    def enforce(self, request: Request, forward: Forward) -> Answer:
        """Play this for every request: refuse what the policy does not allow, as S3 does."""
        wanted = list(needs(request))
        if missing := [need for need in wanted if not self.allows(need)]:
            self.denied += missing
            return DENIED(request, forward)
        answer = forward(request)
        bucket, _, key = request.key.partition("/")
        if answer.status == 404 and key and not self.allows(Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")):
            return DENIED(request, forward)  # whether an object is there is told to those who may list
        return answer


def _holds(statement: dict[str, Any], need: Need) -> bool:
    for kind, tests in statement.get("Condition", {}).items():
        assert (kind, list(tests)) == ("StringLike", ["s3:prefix"]), f"{kind} of {tests} is not understood here"
        if need.prefix is None or not any(fnmatchcase(need.prefix, like) for like in _all(tests["s3:prefix"])):
            return False
    return True


def _all(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
