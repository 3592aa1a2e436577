"""What a folder or a bucket says when the lake cannot be read or written, translated once."""

from __future__ import annotations

import re

from penstock.errors import PenstockError, StoreError, TransientError, disk_is_full, full_disk

_KEYS = "the credentials are not accepted; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXPIRED = "the credentials have expired; renew them and run it again"
_REGION = "the bucket is in another region; set AWS_REGION to the bucket's"
_DENIED = (
    "access is denied; the credentials need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and "
    "s3:DeleteObject on its objects"
)
_UNNAMED = "access is denied; check the credentials, what they may do, and this machine's clock"
"""The answer to a HEAD has no body, so it does not say which."""

_REFUSED = {
    "NoSuchBucket": "there is no such bucket; check store.lake (or PENSTOCK_LAKE), AWS_REGION and AWS_ENDPOINT_URL",
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "ExpiredToken": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "RequestTimeTooSkewed": "this machine's clock is wrong by too much; set the clock",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
}
"""Codes of S3 that another try does not mend."""


class MissingObjectError(StoreError):
    """The lake does not hold the object."""


def explain(error: Exception, url: str, path: str) -> PenstockError:
    """The error to raise for one of the client's about ``path``. What is not known to be permanent is transient."""
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    what = f"the lake at {url} failed on {path}"
    said = str(error)
    code = re.search(r"<Code>(\w+)</Code>", said)
    if code and code[1] in _REFUSED:
        return StoreError(f"{what}: {_REFUSED[code[1]]}")
    if isinstance(error, (NotFoundError, FileNotFoundError)):
        return MissingObjectError(f"lake object {path} is missing from {url}; run a sync with --verify")
    if disk_is_full(error):
        return full_disk(f"the lake at {url}")
    first_line = said.strip().partition("\n")[0]  # the lines below it are the client's own structures
    if isinstance(error, (PermissionError, PermissionDeniedError, UnauthenticatedError)):
        advice = _UNNAMED if url.startswith("s3://") else f"no permission; check the owner and the mode of {url}"
        return StoreError(f"{what}: {advice}: {first_line}")
    return TransientError(f"{what}; try again later: {first_line}")
