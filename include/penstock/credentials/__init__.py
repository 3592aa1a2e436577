"""Who calls the service: API keys, tokens of an issuer, or nobody in particular; and as which reader they may ask."""

from __future__ import annotations

from penstock.credentials.caller import ANONYMOUS, NAMELESS, Caller, as_reader
from penstock.credentials.identify import identify
from penstock.errors import AccessError, CredentialError

__all__ = ["ANONYMOUS", "NAMELESS", "AccessError", "Caller", "CredentialError", "as_reader", "identify"]
