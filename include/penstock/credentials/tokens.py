"""Tokens of an issuer (JWT, RFC 7519, as RFC 8725 would have them checked), and what their claims give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jmespath
import jwt
from jmespath.visitor import TreeInterpreter

from penstock.credential_settings import JwtSettings
from penstock.credentials.caller import Caller
from penstock.credentials.jwks import PAUSE_S, SigningKeys, open_keys
from penstock.errors import CredentialError
from penstock.expressions import UnfitError, search
from penstock.interactions.digests import Digests
from penstock.records import NOBODY, PUBLIC

REQUIRED = ("exp", "iss", "aud")
NAME_CHARS = 16
LISTING = ("projection", "flatten", "filter_projection")
"""Nodes of JMESPath whose first child must be a list."""
NAMING = ("field", "subexpression", "index_expression")
"""Nodes that name one claim: what they find is as the token has it, and not made by another part of the expression."""


class Tokens:
    """Checks tokens of the configured issuer, with its keys. ``digests`` keep people out of logs.

    The issuer is asked for its keys at most once in ``pause_s`` seconds.
    """

    def __init__(self, settings: JwtSettings, digests: Digests, pause_s: float = PAUSE_S) -> None:
        self._settings, self._digests = settings, digests
        self._keys: SigningKeys = open_keys(settings, pause_s)

    def caller(self, token: str) -> Caller:
        """Whom a token stands for. Raises ``CredentialError``, or ``TransientError`` where nobody can tell now."""
        claims = self._checked(token)
        person = self._person(claims)
        name = f"token:{self._digests.of('token', self._settings.issuer, person)[:NAME_CHARS]}"
        return Caller(name, self._principals(claims), person, owner=name, names_people=False)

    def _checked(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature and times hold; the algorithm is ours to choose, never the token's."""
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in settings.algorithms:
                raise jwt.InvalidAlgorithmError
            if not header.get("kid"):
                raise CredentialError("the token does not say by which key it is signed (kid); get one that does")
            return jwt.decode(
                token,
                self._keys.get(header["kid"]),
                algorithms=settings.algorithms,
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_s,
                options={"require": list(REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise CredentialError(self._said(error)) from None

    def _said(self, error: jwt.PyJWTError) -> str:
        """What is wrong with a token, and what to do; nothing of what it holds."""
        settings = self._settings
        match error:
            case jwt.ExpiredSignatureError():
                return "the token expired; get a new one"
            case jwt.ImmatureSignatureError():
                return "the token is not valid yet; check the clocks of its issuer and of this service"
            case jwt.InvalidAudienceError():
                return f"the token is for another audience; get one whose `aud` names {settings.audience!r}"
            case jwt.InvalidIssuerError():
                return f"the token is of another issuer; get one of {settings.issuer!r}"
            case jwt.MissingRequiredClaimError():
                return f"the token has no claim {error.claim!r}; it needs {', '.join(REQUIRED)}"
            case jwt.InvalidAlgorithmError():
                return f"the token is signed in another way than its key may, or than {', '.join(settings.algorithms)}"
            case jwt.InvalidSignatureError():
                return "the token's signature is not its issuer's; get a new one"
        return f"this is neither an API key nor a token ({error}); copy it anew"

    def _person(self, claims: Mapping[str, Any]) -> str:
        person = self._read(self._settings.person, claims)
        if not isinstance(person, str) or not person.strip():
            raise CredentialError(f"the token does not say whose it is: {self._settings.person!r} is no text in it")
        return person

    def _principals(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """What the claims give. One name that will not do refuses the token: half of what was meant is a guess."""
        expression = self._settings.principals
        found = self._read(expression, claims)
        if found is None:
            self._require_lists(expression, claims)
        self._require_flat(expression, claims)
        if found is not None and not isinstance(found, list):
            raise CredentialError(f"the token's principals are no list of names; {expression!r} must yield one")
        for name in found or ():
            if not isinstance(name, str) or not name.strip() or name != name.strip() or not name.isprintable():
                raise CredentialError(
                    f"the token gives a principal that is blank, padded or no plain text; see {expression!r}"
                )
            if name == NOBODY:
                raise CredentialError(f"the token gives the principal {NOBODY!r}, which marks what no one may see")
        return tuple(sorted({PUBLIC, *(found or ())}))

    def _require_lists(self, expression: str, claims: Mapping[str, Any]) -> None:
        """JMESPath yields nothing for ``groups[]`` of a text: whoever wrote the token meant to give something."""
        node = jmespath.compile(expression).parsed
        while node["children"]:
            base = node["children"][0]
            found = TreeInterpreter().visit(base, claims)
            if node["type"] in LISTING and found is not None and not isinstance(found, list):
                raise CredentialError(
                    f"the token's principals are no list of names; {expression!r} must find one in its claims"
                )
            node = base

    def _require_flat(self, expression: str, claims: Mapping[str, Any]) -> None:
        """JMESPath makes ``["a"]`` of ``[["a"]]`` by ``groups[]``: nobody knows what a list in a list was to mean."""
        node = jmespath.compile(expression).parsed
        while node["children"] and node["type"] != "flatten":
            node = node["children"][0]
        if node["type"] == "flatten" and node["children"][0]["type"] in NAMING:
            found = TreeInterpreter().visit(node["children"][0], claims)
            if isinstance(found, list) and any(isinstance(one, list) for one in found):
                raise CredentialError(
                    f"the token's principals are lists in a list; {expression!r} must find names, one beside the other"
                )

    def _read(self, expression: str, claims: Mapping[str, Any]) -> Any:
        try:
            return search(expression, claims)
        except UnfitError:
            raise CredentialError(
                f"{expression!r} cannot be read from the token's claims; they are of another form"
            ) from None
