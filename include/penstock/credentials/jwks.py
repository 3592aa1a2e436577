"""The issuer's public keys, by their ids: behind an address or in a file, read anew where one is not known."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from penstock.credential_settings import JwtSettings
from penstock.errors import CredentialError, TransientError

KEPT_S = 900.0
"""A key that the issuer took away counts for so long at most."""
PAUSE_S = 10.0
"""From one fetch to the next, whether it succeeded or not: whoever invents key ids does not make us ask the issuer."""
TIMEOUT_S = 5.0


class SigningKeys(Protocol):
    def get(self, kid: str) -> PyJWK:
        """The key of that id. Raises ``CredentialError`` where there is none, ``TransientError`` without any keys."""


def open_keys(settings: JwtSettings, pause_s: float = PAUSE_S) -> SigningKeys:
    return KeyFile(Path(settings.jwks)) if settings.jwks_is_a_file else KeyServer(settings.jwks, pause_s)


class KeyServer:
    """Keys behind an address. Safe to call from several threads: one of them fetches, the others wait for it."""

    def __init__(self, url: str, pause_s: float) -> None:
        self._client = _Client(url, pause_s)

    def get(self, kid: str) -> PyJWK:
        try:
            return self._client.get_signing_key(kid)
        except PyJWKClientConnectionError as error:
            raise unreadable(self._client.uri, str(error)) from None
        except PyJWTError:
            raise unknown(kid) from None


class _Client(PyJWKClient):
    """PyJWT's, which pauses after a success; here after a failure too, or each request would wait for a dead server."""

    def __init__(self, url: str, pause_s: float) -> None:
        super().__init__(url, lifespan=KEPT_S, timeout=TIMEOUT_S, cooldown_duration=pause_s)
        self._failed_at, self._failure = float("-inf"), ""

    def fetch_data(self) -> Any:
        if time.monotonic() - self._failed_at < self.cooldown_duration:
            raise PyJWKClientConnectionError(self._failure)
        try:
            return super().fetch_data()
        except (PyJWTError, OSError, ValueError) as error:
            self._failed_at, self._failure = time.monotonic(), " ".join(str(error).split())
            raise PyJWKClientConnectionError(self._failure) from None


class KeyFile:
    """Keys of a file, which is read anew where it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = lru_cache(maxsize=1)(self._keys)

    def get(self, kid: str) -> PyJWK:
        try:
            stat = self._path.stat()
            keys = self._read(stat.st_mtime_ns, stat.st_size)
        except (PyJWTError, OSError, ValueError) as error:
            raise unreadable(str(self._path), str(error)) from None
        if kid not in keys:
            raise unknown(kid)
        return keys[kid]

    def _keys(self, _changed_at: int, _size: int) -> dict[str, PyJWK]:
        found = PyJWKSet.from_dict(json.loads(self._path.read_text(encoding="utf-8")))
        return {str(key.key_id): key for key in found.keys if key.public_key_use in ("sig", None)}


def unreadable(where: str, said: str) -> TransientError:
    return TransientError(
        f"tokens cannot be checked now: the issuer's keys cannot be read from {where} ({said}); try again, or check "
        "service.jwt.jwks"
    )


def unknown(kid: str) -> CredentialError:
    return CredentialError(f"the token names the key {kid[:80]!r}, which its issuer does not have; get a new token")
