"""What the configuration says of the HTTP service."""

from __future__ import annotations

from pydantic import Field

from penstock.credential_settings import JwtSettings, LimitSettings
from penstock.source_settings import Section


class ServiceSettings(Section):
    """``penstock serve``. Behind a proxy that ends TLS, or on loopback, as it is by default."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address that is listened on")
    port: int = Field(default=8780, ge=0, le=65_535, description="0: any that is free")
    anonymous: bool = Field(default=True, description="whether what is public is shown without a credential")
    stop_s: float = Field(default=30.0, gt=0, description="how long requests under way may take when it is stopped")
    jwt: JwtSettings | None = None
    limits: LimitSettings = LimitSettings()
