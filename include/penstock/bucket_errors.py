"""What S3 says when it refuses what another try does not mend, in the words of the client that lake and index share."""

from __future__ import annotations

import re

_KEYS = "the credentials are not accepted; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXPIRED = "the credentials have expired; renew them and run it again"
_REGION = "the bucket is in another region; set AWS_REGION to the bucket's"
_DENIED = (
    "access is denied; the credentials need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and "
    "s3:DeleteObject on its objects"
)
_NO_BUCKET = "there is no such bucket; check {setting}, AWS_REGION and AWS_ENDPOINT_URL"

_REFUSED = {
    "NoSuchBucket": _NO_BUCKET,
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


def code_of(said: str) -> str:
    """S3's code within what the client says; blank where it names none."""
    found = re.search(r"<Code>(\w+)</Code>", said)
    return found[1] if found else ""


def refusal(said: str, setting: str) -> str | None:
    """What it means and what to do; ``None`` for what may pass. ``setting`` is where the bucket is named."""
    meant = _REFUSED.get(code_of(said))
    return meant.format(setting=setting) if meant else None
