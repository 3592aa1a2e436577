"""The one way to ask a server: within its rate, patient with 429 and 5xx, and never further than it was told.

Each answer is read here, whole, up to ``max_bytes`` and checked against its length; what ``requests`` hands on holds
its body already. Redirects are followed here too, and each is checked as the first address was.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection
from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from urllib3.exceptions import HTTPError, LocationValueError

from penstock.http_settings import HttpSource
from penstock.retry_after import retry_after_s
from penstock.sources.http.addresses import PublicOnlyAdapter
from penstock.sources.http.certificates import authorities
from penstock.sources.http.errors import (
    HttpError,
    TooLargeAnswerError,
    no_address,
    of_connection,
    of_status,
    parts_of,
    where,
)
from penstock.sources.http.gzipped import unpacked
from penstock.sources.http.headers import require_sendable
from penstock.sources.http.waiting import Turns, pause_s

READ_BYTES = 64 * 1024
MAX_REDIRECTS = 5
SLOWEST = 10
"""A whole answer may take so many times the ``timeout_s`` that may pass between two parts of it."""
NOT_MODIFIED = 304
# It writes whole addresses at DEBUG, and a key may stand in one.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class PoliteSession(requests.Session):
    """A session for the ``hosts`` of one source (``host`` or ``host:port``); raises ``HttpError`` and nothing else.

    An answer of 200 or 304 is returned; every other one is an error. May be used from several threads. Opening one
    raises ``ConfigError`` where the certificates that ``REQUESTS_CA_BUNDLE`` names cannot be read.
    """

    def __init__(self, settings: HttpSource, first: str, hosts: Collection[str] = ()) -> None:
        super().__init__()
        # Proxies, which resolve names themselves, and logins of a .netrc would come from the environment.
        self.trust_env = False
        self.verify = authorities()
        self.headers.update({"User-Agent": "penstock", "Accept-Encoding": "gzip"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter() if settings.allow_private_addresses else PublicOnlyAdapter()
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self._settings = settings
        self._schemes = ("https",) if urlsplit(first).scheme == "https" else ("http", "https")
        self._hosts = {urlsplit(first).netloc.lower(), *(host.lower() for host in hosts)}
        self._turns = Turns(1 / settings.requests_per_second)

    def slow_down(self, interval_s: float) -> None:
        """Leave at least so many seconds between two requests. Raises ``HttpError`` for more than ``max_wait_s``."""
        longest = self._settings.max_wait_s
        if interval_s > longest:
            raise HttpError(
                f"the site asks for {interval_s:g} s between two requests, more than max_wait_s = {longest:g}",
                "raise max_wait_s in the source, or ask the site's owner",
            )
        self._turns.interval_s = max(self._turns.interval_s, interval_s)

    def may_ask(self, url: str) -> bool:
        parts = parts_of(url)
        return parts is not None and parts.scheme in self._schemes and parts.netloc.lower() in self._hosts

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        require_sendable({**self.headers, **(request.headers or {})})
        url = str(request.url)
        try:
            prepared = super().prepare_request(request)
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema):
            raise no_address(url) from None
        except UnicodeEncodeError:
            raise HttpError(f"{where(url)}: a parameter or the login cannot be spelled", "mend the source") from None
        require_sendable(prepared.headers)  # auth has added its own
        return prepared

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        for _hop in range(MAX_REDIRECTS + 1):
            url = request.url or ""
            if not self.may_ask(url):
                raise HttpError(f"{where(url)} lies elsewhere than the source", "name its host, if it is meant")
            response = self._patiently(request)
            if not response.is_redirect or request.method != "GET":
                break
            request = self._redirected(request, response)
        if response.status_code not in (200, NOT_MODIFIED):
            raise of_status(url, response.status_code, None)
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests would follow it, read what came with it without a limit, and trip over a bad address."""

    def _redirected(self, request: requests.PreparedRequest, response: requests.Response) -> requests.PreparedRequest:
        url, request = request.url or "", request.copy()
        try:
            request.prepare_url(urljoin(url, super().get_redirect_target(response) or ""), None)
        except ValueError:  # requests' own of an address are, too
            raise HttpError(f"{where(url)} leads on to what is no address", "mend the server's redirect") from None
        return request

    def _patiently(self, request: requests.PreparedRequest) -> requests.Response:
        retrying = Retrying(
            stop=stop_after_attempt(self._settings.tries),
            wait=pause_s,
            retry=retry_if_exception(self._worth_another_try),
            reraise=True,
        )
        return retrying(self._once, request)

    def _worth_another_try(self, error: BaseException) -> bool:
        return isinstance(error, HttpError) and error.transient and (error.wait_s or 0) <= self._settings.max_wait_s

    def _once(self, request: requests.PreparedRequest) -> requests.Response:
        self._turns.wait()
        url = request.url or ""
        try:
            timeout = self._settings.timeout_s
            response = super().send(
                request, stream=True, timeout=timeout, allow_redirects=False, verify=self.verify, proxies={}
            )
            with contextlib.closing(response):
                wait_s = retry_after_s(response.headers)
                if response.status_code >= 400:
                    raise of_status(url, response.status_code, wait_s)
                body = self._body(response)
        except (LocationValueError, requests.exceptions.InvalidURL):
            raise no_address(url) from None
        except (requests.ConnectionError, requests.Timeout, HTTPError, TimeoutError) as error:
            raise of_connection(url, error) from None
        except OSError as error:  # requests' own errors are, too
            kind = type(error).__name__
            raise HttpError(f"{where(url)} cannot be asked ({kind})", "check the source's address") from None
        response.raw = BytesIO(body)
        return response

    def _body(self, response: requests.Response) -> bytes:
        limit, ends = self._settings.max_bytes, time.monotonic() + SLOWEST * self._settings.timeout_s
        said = _said_length(response)
        if said > limit:
            raise TooLargeAnswerError(response.url, said, limit)
        data = bytearray()
        for part in response.raw.stream(READ_BYTES, decode_content=False):
            data += part
            if len(data) > limit:
                raise TooLargeAnswerError(response.url, len(data), limit)
            if time.monotonic() > ends:
                raise TimeoutError
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "gzip":
            return unpacked(response.url, bytes(data), limit)
        if encoding != "identity":
            raise HttpError(f"{where(response.url)} came as {encoding}, which was not asked for", "mend the server")
        return bytes(data)


def _said_length(response: requests.Response) -> int:
    """What an answer says of its length; 0 where it says nothing that is a number."""
    try:
        return int(response.headers.get("Content-Length", ""))
    except ValueError:
        return 0
