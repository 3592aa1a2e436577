"""What a site asks of those who read it by machine (RFC 9309)."""

from __future__ import annotations

from urllib.parse import urlsplit

from protego import Protego
from requests import Request

from penstock.sources.http.errors import HttpError
from penstock.sources.http.session import PoliteSession


class Robots:
    """The robots.txt of each host, asked for once. A Crawl-delay slows the whole session down."""

    def __init__(self, session: PoliteSession, user_agent: str) -> None:
        self._session = session
        self._agent = user_agent
        self._rules: dict[str, Protego] = {}

    def allows(self, url: str) -> bool:
        """Whether the page may be asked for.

        Raises ``HttpError`` where the server does not say, or asks to wait for longer than ``max_wait_s``: nothing may.
        """
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._rules:
            self._rules[host] = Protego.parse(self._read(f"{host}/robots.txt"))
            self._session.slow_down(float(self._rules[host].crawl_delay(self._agent) or 0.0))
        return bool(self._rules[host].can_fetch(url, self._agent))

    def _read(self, url: str) -> str:
        try:
            answer = self._session.send(self._session.prepare_request(Request("GET", url)))
        except HttpError as error:
            if error.status is not None and 400 <= error.status < 500 and not error.transient:
                return ""  # there is none: all is allowed
            raise
        return answer.content.decode("utf-8", "replace")
