"""What the configuration says of who calls the service, and of how much they may ask of it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from penstock.expressions import Expression
from penstock.source_settings import Section

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signed with a key that only the issuer has. ``none`` and the HS family, whose key is a password, cannot be named."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class JwtSettings(Section):
    """Tokens (JWT, RFC 7519) of one issuer, and what their claims say of their bearer: JMESPath over the claims.

    ``principals`` yields a list of names, such as ``groups[].join(':', ['group', @])``.
    """

    issuer: str = Field(min_length=1, description="the claim `iss`, letter by letter")
    audience: str = Field(min_length=1, description="what the claim `aud` must name: this service")
    jwks: str = Field(min_length=1, description="the issuer's public keys: an https address, or a file")
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256", "EdDSA"), min_length=1)
    leeway_s: float = Field(default=30.0, ge=0, le=600, description="how far two clocks may differ")
    principals: Expression
    person: Expression = "sub"

    @property
    def jwks_is_a_file(self) -> bool:
        return "://" not in self.jwks

    @field_validator("jwks")
    @classmethod
    def _keys_come_from_where_nobody_changes_them(cls, value: str) -> str:
        if "://" not in value:
            return value
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError(
                f"{value!r} will not do: keys come over https, from this machine over http, or from a file"
            )
        return value


class LimitSettings(Section):
    """What one process of the service takes on. ``0`` requests a minute: as many as come."""

    body_bytes: int = Field(default=262_144, ge=1024, description="of one request")
    requests_per_minute: int = Field(default=600, ge=0, description="of one caller, or of one address without a key")
    at_once: int = Field(
        default=32, ge=1, le=1000, description="requests that are worked on; more are told to come again"
    )
    timeout_s: float = Field(default=90.0, gt=0, description="of one request; a generator has a limit of its own")
