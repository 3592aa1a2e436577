"""An issuer of tokens: real keys, and their public halves on a loopback server or in a file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from penstock.credential_settings import JwtSettings
from support.web import WebServer

PATH = "/jwks.json"
ISSUER, AUDIENCE = "https://login.example.org/", "penstock"
PRINCIPALS = "groups[].join(':', ['group', @])"


class Issuer:
    """Signs with keys that it makes; ``publish`` puts their public halves where ``server`` shows them."""

    def __init__(self, server: WebServer) -> None:
        self.server = server
        self.keys: dict[str, Any] = {}

    def settings(self, **options: Any) -> JwtSettings:
        given = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": self.server.url + PATH, "principals": PRINCIPALS}
        return JwtSettings(**{**given, **options})

    def new_key(self, kid: str, algorithm: str = "ES256") -> None:
        makers = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        self.keys[kid] = (algorithm, makers[algorithm]())

    def public(self) -> str:
        kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        return json.dumps(
            {
                "keys": [
                    {
                        **kinds[algorithm].to_jwk(key.public_key(), as_dict=True),
                        "kid": kid,
                        "use": "sig",
                        "alg": algorithm,
                    }
                    for kid, (algorithm, key) in self.keys.items()
                ]
            }
        )

    def publish(self, path: Path | None = None) -> None:
        if path is not None:
            path.write_text(self.public())
        else:
            self.server.put(PATH, self.public(), "application/json")

    def fetches(self) -> int:
        return len(self.server.asked(PATH))

    def token(self, kid: str, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed by the key; a claim of None is left out."""
        algorithm, key = self.keys[kid]
        return jwt.encode(self.claims(**claims), key, algorithm, headers={"kid": kid, **(headers or {})})

    @staticmethod
    def claims(**changed: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, "groups": ["a", "b"]}
        return {name: value for name, value in {**usual, **changed}.items() if value is not None}
