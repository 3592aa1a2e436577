"""What can go wrong with one request. No message holds a query, a header or a body: a secret may stand in each."""

from __future__ import annotations

from ssl import SSLCertVerificationError, SSLError
from urllib.parse import SplitResult, urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError

from penstock.errors import FetchError, ListingError, TransientFetchError, TransientListingError

STATUSES = {
    401: ("the server does not accept the credentials", "check the source's auth and its secret"),
    403: ("the credentials have no permission", "let them read this, or check the source's auth"),
    404: ("there is nothing", "check the source's address and path"),
    410: ("it is gone", "check the source's address and path"),
    429: ("the server takes no more requests for now", "lower requests_per_second, or try again later"),
}
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class HttpError(Exception):
    """One request failed for good, or for now (``transient``). ``wait_s`` is what the server asks to wait."""

    def __init__(
        self, what: str, fix: str, transient: bool = False, status: int | None = None, wait_s: float | None = None
    ) -> None:
        super().__init__(f"{what}; {fix}")
        self.transient = transient
        self.status = status
        self.wait_s = wait_s

    def of_document(self, which: str) -> FetchError:
        """What it means for the one document that was fetched; ``which`` names it."""
        kind = TransientFetchError if self.transient else FetchError
        return kind(f"{which}: {self}")

    def of_listing(self, source: str) -> ListingError:
        """What it means for a listing that needed the answer."""
        kind = TransientListingError if self.transient else ListingError
        return kind(f"source {source!r} cannot be listed: {self}; nothing is removed")


class TooLargeAnswerError(HttpError):
    """An answer is larger than allowed; ``size_bytes`` is what it says of itself, or what was read of it."""

    def __init__(self, url: str, size_bytes: int, max_bytes: int) -> None:
        super().__init__(f"{where(url)} has more than {max_bytes:,} bytes", "raise max_bytes")
        self.size_bytes = size_bytes


def no_address(url: str) -> HttpError:
    """The error for what cannot be asked at all."""
    return HttpError(f"{where(url)} will not do as an address", "write https://host/path")


def of_status(url: str, status: int, wait_s: float | None) -> HttpError:
    """The error that an answer's status is; GitHub's 403 with Retry-After means 429."""
    if status == 403 and wait_s is not None:
        status = 429
    what, fix = STATUSES.get(status, ("", ""))
    if not what and status in TRANSIENT:
        what, fix = "the server is busy or failing", "try again later"
    elif not what:
        what, fix = "the server did not answer as expected", "check the source's address and parameters"
    return HttpError(f"{where(url)}: {what} ({status})", fix, status in TRANSIENT, status, wait_s)


def of_connection(url: str, error: Exception) -> HttpError:
    """The error that a failed connection's is: never made, for a reason that may lie in the address, or broken off."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)  # what lies in urllib3's MaxRetryError
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    if isinstance(reason, NameResolutionError):
        return HttpError(f"{where(url)}: its host is not known", "check the address and the name service", True)
    if isinstance(reason, ConnectTimeoutError):  # a refused one is of this kind, too
        return HttpError(f"{where(url)}: nothing answers there", "check the address and its port, or try again", True)
    if isinstance(inner, SSLError) and not isinstance(inner, SSLCertVerificationError):
        return HttpError(
            f"{where(url)}: no TLS connection was made", "check whether it speaks https, or try again", True
        )
    if isinstance(error, requests.exceptions.SSLError):
        return HttpError(f"{where(url)}: its certificate does not hold", "mend it, or REQUESTS_CA_BUNDLE")
    return HttpError(f"{where(url)}: the connection failed or broke off", "try again", True)


def parts_of(url: str) -> SplitResult | None:
    """The parts of an address; ``None`` where it is none, such as ``http://[bad``."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return None
    return parts


def where(url: str) -> str:
    """An address without its query, in which a key may stand, and without a login."""
    parts = parts_of(url)
    if parts is None:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
