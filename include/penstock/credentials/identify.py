"""From a request's header to its caller."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from penstock.credentials.caller import NAMELESS, Caller
from penstock.credentials.keys import PREFIX
from penstock.credentials.known import KnownKeys
from penstock.errors import CredentialError
from penstock.platform import Platform

if TYPE_CHECKING:
    from penstock.credentials.tokens import Tokens

SEND = "send `Authorization: Bearer KEY`"


class Credentials:
    """What tells the callers of one installation apart; for all threads together, as it remembers keys."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._settings = platform, platform.settings.service

    @cached_property
    def _keys(self) -> KnownKeys:
        return KnownKeys(self._platform.catalog)

    def caller(self, authorization: str | None) -> Caller:
        if authorization is None:
            if self._settings.anonymous:
                return NAMELESS
            raise CredentialError(f"this service asks who you are; {SEND}, an API key or a token")
        scheme, _, credential = authorization.strip().partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential or not credential.isascii() or " " in credential:
            raise CredentialError(f"the header Authorization is not one word after `Bearer`; {SEND}")
        if credential.startswith(PREFIX):
            return self._keys.caller(credential)
        if self._tokens is None:
            raise CredentialError(
                f"this is no API key, and the service takes no tokens; {SEND}, a key beginning with {PREFIX}"
            )
        return self._tokens.caller(credential)

    @cached_property
    def _tokens(self) -> Tokens | None:
        from penstock.credentials.tokens import Tokens  # cryptography: 30 ms that only tokens need

        return Tokens(self._settings.jwt, self._platform.recorder.digests) if self._settings.jwt else None


def identify(platform: Platform, authorization: str | None) -> Caller:
    """Whom a request's ``Authorization`` header stands for; without one whoever sees what is public.

    Raises ``CredentialError`` where it is missing though asked for, malformed, unknown, expired or revoked, and
    ``TransientError`` where catalog or issuer cannot be asked now.
    """
    return platform.credentials.caller(authorization)
