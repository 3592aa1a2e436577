"""What a bucket with versioning keeps of deleted and replaced objects. Heavy: imports boto3, on use.

Objects of the lake are never changed, and Lance never changes a file, so an old version there is only ever something
that was deleted, or an equal copy: taking all of them away loses nothing that is still in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batching import batched
from penstock.errors import StoreError, TransientError

AT_ONCE = 1000
"""Names in one request: S3 takes no more."""
NO_VERSIONS = ("NotImplemented", "MethodNotAllowed")
"""What servers answer that speak S3 and know no versions, so keep none."""
BUSY = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted")


def delete_old_versions(url: str) -> int:
    """Delete every version but the newest of each object below ``url``, and every mark of a deletion; return how many.

    Does nothing for a folder. Credentials and endpoint come from the standard AWS variables. Raises ``StoreError``
    where the server refuses (a missing right, a lock on objects), ``TransientError`` where it cannot now.
    """
    if not url.startswith("s3://"):
        return 0
    import boto3  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    try:
        client = boto3.client("s3")
        # Versions first: an object whose mark of deletion went before its last version would be there again.
        return sum(_delete(client, url, bucket, prefix, kind) for kind in ("Versions", "DeleteMarkers"))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in NO_VERSIONS:
            return 0
        raise _translated(url, code, str(error)) from error
    except BotoCoreError as error:
        raise TransientError(f"old versions of objects in {url} could not be deleted now: {error}") from error


def _delete(client: Any, url: str, bucket: str, prefix: str, kind: str) -> int:
    count = 0
    for names in batched(_old(client, bucket, prefix, kind), AT_ONCE):
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})
        for error in answer.get("Errors", ()):
            raise _translated(url, error.get("Code", ""), f"{error.get('Key')}: {error.get('Message')}")
        count += len(names)
    return count


def _old(client: Any, bucket: str, prefix: str, kind: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get(kind, ()):
            if kind == "DeleteMarkers" or not one["IsLatest"]:
                yield {"Key": one["Key"], "VersionId": one["VersionId"]}


def _translated(url: str, code: str, said: str) -> StoreError | TransientError:
    if code in BUSY:
        return TransientError(f"old versions of objects in {url} could not be deleted now: {said}")
    return StoreError(
        f"old versions of objects in {url} could not be deleted: {said}; penstock needs s3:ListBucketVersions and "
        "s3:DeleteObjectVersion there, and no lock on its objects. Then erase again"
    )
