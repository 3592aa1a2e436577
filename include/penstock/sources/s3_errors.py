"""What S3 and boto3 say when something goes wrong, translated once: whom it concerns, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import botocore.exceptions as boto  # type: ignore[import-untyped]
import urllib3.exceptions
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

CLIENT_ERRORS = (boto.ClientError, boto.BotoCoreError, ResponseParserError, urllib3.exceptions.HTTPError)


class Scope(Enum):
    """Whom a fault concerns: one object for good, the whole source for good, or anyone for a while."""

    OBJECT = "object"
    SOURCE = "source"
    TRANSIENT = "transient"


@dataclass(frozen=True, slots=True)
class Fault:
    scope: Scope
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


_BUCKET = Fault(Scope.SOURCE, "there is no such bucket", "check bucket, region and endpoint_url")
_DENIED = Fault(
    Scope.OBJECT,
    "access is denied",
    "the credentials need s3:ListBucket on the bucket and s3:GetObject on its objects, "
    'and s3:GetObjectTagging with access_from = "tags"',
)
_KEYS = Fault(Scope.SOURCE, "the credentials are not accepted", "check the connection or the environment's AWS keys")
_EXPIRED = Fault(Scope.SOURCE, "the credentials have expired", "renew them and sync again")
_MISSING = Fault(
    Scope.SOURCE,
    "there are no credentials",
    "name an Airflow connection in `connection`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
)
_REGION = Fault(Scope.SOURCE, "the bucket is in another region", "set region to the bucket's")
_CLOCK = Fault(Scope.SOURCE, "this machine's clock is wrong by too much", "set the clock")
_GONE = Fault(Scope.OBJECT, "it is gone since it was listed", "sync again")
_ARCHIVED = Fault(Scope.OBJECT, "it is archived", "restore it from Glacier, or exclude it")
_BUSY = Fault(Scope.TRANSIENT, "the server is busy or failing", "try again later")
_TIMEOUT = Fault(Scope.TRANSIENT, "the server did not answer in time", "try again later")
_CUT = Fault(Scope.TRANSIENT, "the connection broke off", "try again")
_SILENT = Fault(Scope.TRANSIENT, "nothing answers there", "check endpoint_url and the network, or try again later")
_CERTIFICATE = Fault(
    Scope.SOURCE, "the server's certificate is not trusted", "check endpoint_url, or set AWS_CA_BUNDLE"
)
_NOT_S3 = Fault(
    Scope.TRANSIENT,
    "the answer is not S3's, or it broke off",
    "check that endpoint_url is an S3 API, or try again later",
)

_CODES = {
    "NoSuchBucket": _BUCKET,
    "InvalidBucketName": _BUCKET,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "403": _DENIED,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "InvalidClientTokenId": _KEYS,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "NoSuchKey": _GONE,
    "NoSuchVersion": _GONE,
    "404": _GONE,
    "InvalidObjectState": _ARCHIVED,
    "RequestTimeout": _TIMEOUT,
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "BandwidthLimitExceeded": _BUSY,
    "OperationAborted": _BUSY,
}

# In this order: some of these are kinds of others.
_TYPES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Fault], ...] = (
    ((boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError), _MISSING),
    ((boto.TokenRetrievalError, boto.UnauthorizedSSOTokenError, boto.SSOTokenLoadError), _EXPIRED),
    (boto.SSLError, _CERTIFICATE),
    ((boto.ConnectTimeoutError, boto.ReadTimeoutError, urllib3.exceptions.TimeoutError), _TIMEOUT),
    (boto.ConnectionError, _SILENT),
    ((boto.HTTPClientError, boto.IncompleteReadError, urllib3.exceptions.HTTPError), _CUT),
    (boto.FlexibleChecksumError, Fault(Scope.TRANSIENT, "the bytes do not match their checksum", "try again")),
    (ResponseParserError, _NOT_S3),
)


def explain_listing(error: Exception) -> Fault:
    """Translate an error of a listing, where "not found" can only mean the bucket."""
    fault = explain(error)
    return _BUCKET if fault is _GONE else fault


def explain(error: Exception) -> Fault:
    """Translate one of ``CLIENT_ERRORS``. What is not known is permanent and quoted as it came."""
    if isinstance(error, boto.ClientError):
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        if error.operation_name == "AssumeRole":
            return Fault(Scope.SOURCE, f"the role cannot be taken on: {error}", "check the connection's role_arn")
        if code in _CODES:
            return _CODES[code]
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status >= 500 or status in (408, 429):
            # boto3 gives the bare status as the code where the body held no error of S3's, or was no XML at all.
            return _NOT_S3 if code.isdigit() else _BUSY
        return Fault(Scope.SOURCE, f"the server says {error}", "check bucket, region, endpoint_url and credentials")
    for types, fault in _TYPES:
        if isinstance(error, types):
            return fault
    return Fault(Scope.SOURCE, str(error), "check bucket, region, endpoint_url and credentials")
