"""Who asks: the secret's place is in the configuration, the secret in the environment or an Airflow connection."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth, OAuth2ClientCredentials
from requests import Session
from requests.auth import AuthBase

from penstock.errors import ConfigError
from penstock.http_settings import Auth
from penstock.sources.http.errors import HttpError

FIX = "check auth.token_url and auth.scope"
LONGEST_S = 86_400.0
"""A token is asked for again after a day, however long it is said to last."""


class ClientCredentials(OAuth2ClientCredentials):
    """RFC 6749, 4.4; an answer without a token is an error, where dlt would send the word "None"."""

    def obtain_token(self) -> None:
        try:
            super().obtain_token()
        except (ValueError, RecursionError):  # the words of the first may hold the token
            raise HttpError("the answer of auth.token_url cannot be read as JSON", FIX) from None

    def parse_access_token(self, response_json: Any) -> str:
        token = response_json.get("access_token") if isinstance(response_json, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise HttpError("the answer of auth.token_url holds no access_token", FIX)
        if not (token.isascii() and token.isprintable()):
            raise HttpError("the access_token of auth.token_url is not one that can be sent", FIX)
        return token

    def parse_expiration_in_seconds(self, response_json: Any) -> int:
        """What nobody understands counts as left out, which RFC 6749 allows."""
        try:
            said = float(response_json["expires_in"])
        except (KeyError, TypeError, ValueError, OverflowError):
            said = math.nan
        return int(min(max(said, 0.0), LONGEST_S)) if said == said else self.default_token_expiration


def auth_of(
    name: str, settings: Auth, connection: Mapping[str, Any] | None, token_session: Callable[[str], Session]
) -> AuthBase:
    """Return what signs each request of the source ``name``; ``token_session`` opens one to the host of tokens.

    Raises ``ConfigError`` naming the place where the secret should be, never the secret.
    """
    secret = _secret(name, settings, connection)
    login = settings.login or (connection or {}).get("login")
    if settings.kind in ("basic", "oauth2") and not login:
        raise ConfigError(f"sources.{name}.auth: there is no login; write auth.login, or set the connection's login")
    match settings.kind:
        case "bearer":
            return BearerTokenAuth(token=secret)
        case "basic":
            return HttpBasicAuth(username=str(login), password=secret)
        case "oauth2":
            assert settings.token_url is not None
            return ClientCredentials(
                access_token_url=settings.token_url,
                client_id=str(login),
                client_secret=secret,
                access_token_request_data={"scope": settings.scope} if settings.scope else {},
                session=token_session(settings.token_url),
            )
        case "header" | "query":
            return APIKeyAuth(name=settings.name or "", api_key=secret, location=settings.kind)


def _secret(name: str, settings: Auth, connection: Mapping[str, Any] | None) -> str:
    if settings.secret_env is not None:
        place, found = f"the environment variable {settings.secret_env}", os.environ.get(settings.secret_env, "")
    else:
        place, found = "the password of its connection", str((connection or {}).get("password") or "")
    if not found.strip():
        raise ConfigError(f"sources.{name}.auth: there is no secret in {place}; set it")
    if not found.isprintable():
        raise ConfigError(f"sources.{name}.auth: the secret in {place} holds a line break or the like; set it again")
    return found
