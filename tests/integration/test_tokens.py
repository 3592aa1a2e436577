"""Tokens of an issuer with real keys on a loopback server: what opens, what does not, and why it is said not to."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import ECAlgorithm

from penstock.credential_settings import JwtSettings
from penstock.credentials import Caller, CredentialError, identify
from penstock.credentials.tokens import Tokens
from penstock.errors import TransientError
from penstock.interactions.digests import Digests
from penstock.platform import Platform
from penstock.service_settings import ServiceSettings
from support.issuer import ISSUER, PATH, Issuer
from support.s3_proxy import Answer
from support.web import WebServer
from support.workspace import Workspace

DIGESTS = Digests(b"of the tests")


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer.serve() as server:
        yield server


@pytest.fixture
def issuer(server: WebServer) -> Issuer:
    server.behave()
    made = Issuer(server)
    made.new_key("k1")
    made.publish()
    return made


def tokens(issuer: Issuer, pause_s: float = 0.0, **options: Any) -> Tokens:
    return Tokens(issuer.settings(**options), DIGESTS, pause_s)


def refusal(known: Tokens, token: str) -> str:
    with pytest.raises(CredentialError) as caught:
        known.caller(token)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_stands_for_its_subject_and_what_its_claims_give(issuer: Issuer, algorithm: str) -> None:
    issuer.new_key("mine", algorithm)
    issuer.publish()
    found = tokens(issuer).caller(issuer.token("mine"))
    assert (found.principals, found.person, found.names_people) == (("group:a", "group:b", "public"), "ann", False)
    assert re.fullmatch("token:[0-9a-f]{16}", found.name)
    assert found.owner == found.name
    assert tokens(issuer).caller(issuer.token("k1", sub="bob")).name != found.name


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": 1_700_000_000}, "the token expired; get a new one"),
        ({"exp": None}, "the token has no claim 'exp'; it needs exp, iss, aud"),
        ({"exp": "soon"}, "this is neither an API key nor a token (Expiration Time claim (exp) must be an integer.); "),
        ({"nbf": 4_000_000_000}, "the token is not valid yet; check the clocks of its issuer and of this service"),
        ({"aud": "payroll"}, "the token is for another audience; get one whose `aud` names 'penstock'"),
        ({"aud": None}, "the token has no claim 'aud'; it needs exp, iss, aud"),
        ({"iss": "https://login.example.org"}, f"the token is of another issuer; get one of {ISSUER!r}"),
        ({"iss": None}, "the token has no claim 'iss'; it needs exp, iss, aud"),
        ({"sub": None}, "the token does not say whose it is: 'sub' is no text in it"),
        ({"sub": " "}, "the token does not say whose it is: 'sub' is no text in it"),
        (
            {"groups": "x"},
            "the token's principals are no list of names; \"groups[].join(':', ['group', @])\" must find ",
        ),
        ({"groups": {"a": 1}}, "the token's principals are no list of names; "),
        (
            {"groups": [["x"]]},
            "the token's principals are lists in a list; \"groups[].join(':', ['group', @])\" must find names, one ",
        ),
        ({"groups": ["x", ["y"]]}, "the token's principals are lists in a list; "),
        ({"groups": [""]}, None),
        ({"groups": [3]}, "\"groups[].join(':', ['group', @])\" cannot be read from the token's claims; they are of "),
    ],
)
def test_claims_that_will_not_do(issuer: Issuer, claims: dict[str, Any], message: str | None) -> None:
    known, token = tokens(issuer), issuer.token("k1", **claims)
    if message is None:
        assert known.caller(token).principals == ("group:", "public")  # odd, and a name of its own
    else:
        assert refusal(known, token).startswith(message)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["nobody"], "the token gives the principal 'nobody', which marks what no one may see"),
        (["a", ""], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        (["a "], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        (["a\u202eb"], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        (["a", 3], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        (["a", None], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        (["a", ["b"]], "the token gives a principal that is blank, padded or no plain text; see 'groups'"),
        ("a", "the token's principals are no list of names; 'groups' must yield one"),
        ({"a": 1}, "the token's principals are no list of names; 'groups' must yield one"),
    ],
)
def test_one_principal_that_will_not_do_refuses_the_token(issuer: Issuer, groups: Any, message: str) -> None:
    assert refusal(tokens(issuer, principals="groups"), issuer.token("k1", groups=groups)) == message


def test_a_claim_that_cannot_be_compared_as_the_expression_does_refuses_the_token(issuer: Issuer) -> None:
    known = tokens(issuer, principals="level > `2` && groups || `[]`")
    assert known.caller(issuer.token("k1", level=3, groups=["a"])).principals == ("a", "public")
    assert "cannot be read from the token's claims" in refusal(known, issuer.token("k1", level="3"))


@pytest.mark.parametrize("principals", ["[groups, roles][]", "teams[].groups[]"])
def test_lists_that_the_expression_itself_makes_are_flattened(issuer: Issuer, principals: str) -> None:
    claims = {"groups": ["a"], "roles": ["b"], "teams": [{"groups": ["a"]}, {"groups": ["b"]}]}
    assert tokens(issuer, principals=principals).caller(issuer.token("k1", **claims)).principals == ("a", "b", "public")


def test_a_token_without_groups_sees_what_is_public(issuer: Issuer) -> None:
    known = tokens(issuer, principals="groups")
    for groups in (None, [], ["public"]):
        assert known.caller(issuer.token("k1", groups=groups)).principals == ("public",)


def test_clocks_may_differ_by_the_leeway_and_no_more(issuer: Issuer) -> None:
    now = int(time.time())
    assert tokens(issuer, leeway_s=600).caller(issuer.token("k1", exp=now - 300))
    assert refusal(tokens(issuer, leeway_s=0), issuer.token("k1", exp=now - 1)).startswith("the token expired")


# forgeries


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_the_algorithm_is_ours_to_choose(issuer: Issuer) -> None:
    """``none``, and HS256 with the public key as its password: RFC 8725, 2.1."""
    known, claims = tokens(issuer), issuer.claims()
    public = issuer.keys["k1"][1].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    hs256 = jwt.get_algorithm_by_name("HS256")
    header = {"alg": "HS256", "kid": "k1"}
    signed = unsigned(header, claims).rpartition(".")[0]
    forged = unsigned(header, claims, hs256.sign(signed.encode(), pem))
    other = "the token is signed in another way than its key may, or than RS256, ES256, EdDSA"
    assert refusal(known, forged) == other
    for name in ("none", "None", "NONE", "", None, 1, "es256", "ES384"):
        assert refusal(known, unsigned({"alg": name, "kid": "k1"}, claims)).startswith((other, "this is neither")), name
    issuer.new_key("rsa", "RS256")
    issuer.publish()
    assert refusal(known, unsigned({"alg": "RS256", "kid": "k1"}, claims, b"x" * 64)) == other
    assert issuer.fetches() == 1, "a token whose algorithm will not do makes nobody ask the issuer"


def test_a_password_among_the_issuers_keys_opens_nothing(issuer: Issuer) -> None:
    secret = base64.urlsafe_b64encode(b"x" * 32).rstrip(b"=").decode()
    issuer.server.put(PATH, json.dumps({"keys": [{"kty": "oct", "k": secret, "kid": "k1"}]}), "application/json")
    token = jwt.encode(issuer.claims(), b"x" * 32, "HS256", headers={"kid": "k1"})
    assert refusal(tokens(issuer), token).startswith("the token is signed in another way")


def test_a_signature_is_by_the_key_that_the_issuer_shows(issuer: Issuer) -> None:
    stranger = Issuer(issuer.server)
    stranger.new_key("k1")
    known, wrong = tokens(issuer), "the token's signature is not its issuer's; get a new one"
    assert refusal(known, stranger.token("k1")) == wrong
    head, _, signature = issuer.token("k1").split(".")
    _, body, _ = unsigned({}, issuer.claims(groups=["admin"])).split(".")
    assert refusal(known, f"{head}.{body}.{signature}") == wrong
    own = ECAlgorithm.to_jwk(stranger.keys["k1"][1].public_key(), as_dict=True)
    brought = {"jwk": own, "jku": f"{issuer.server.url}/mine.json", "x5u": f"{issuer.server.url}/mine.pem"}
    assert refusal(known, stranger.token("k1", headers=brought)) == wrong
    assert issuer.server.asked("/mine") == []


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "k1' OR '1'='1", "K1", "k1\0", "k1 ", "http://127.0.0.1/", "x" * 999]
)
def test_a_key_is_looked_up_by_its_whole_name_and_nowhere_else(issuer: Issuer, kid: str) -> None:
    token = issuer.token("k1", headers={"kid": kid})
    message = f"the token names the key {kid[:80]!r}, which its issuer does not have; get a new token"
    assert refusal(tokens(issuer), token) == message


@pytest.mark.parametrize("kid", [None, "", 1, ["k1"], {"k1": 1}, True])
def test_a_key_is_named_by_text(issuer: Issuer, kid: Any) -> None:
    token = unsigned({"alg": "ES256", "kid": kid}, issuer.claims(), b"x" * 64)
    said = refusal(tokens(issuer), token)
    assert said.startswith(("the token does not say by which key", "this is neither an API key nor a token (Key ID"))


@pytest.mark.parametrize("text", ["x", "a.b", "a.b.c", "a.b.c.d", "..", "eyJ.eyJ.x", "e30.e30.e30", "psk", "." * 999])
def test_what_is_no_token_is_called_so(issuer: Issuer, text: str) -> None:
    known = tokens(issuer)
    assert refusal(known, text).startswith(
        ("this is neither an API key nor a token (", "the token is signed in another")
    )
    assert issuer.fetches() == 0


# the issuer's keys


def test_a_key_that_the_issuer_adds_is_found_and_one_fetch_serves_all(issuer: Issuer) -> None:
    known = tokens(issuer)
    for _ in range(5):
        assert known.caller(issuer.token("k1")).person == "ann"
    assert issuer.fetches() == 1
    issuer.new_key("k2")
    issuer.publish()
    assert known.caller(issuer.token("k2")).person == "ann"
    assert issuer.fetches() == 2


def test_invented_keys_do_not_make_us_ask_the_issuer(issuer: Issuer) -> None:
    known = tokens(issuer, pause_s=600)
    for n in range(20):
        assert "which its issuer does not have" in refusal(known, issuer.token("k1", headers={"kid": f"k{n + 2}"}))
    assert issuer.fetches() == 1


@pytest.mark.parametrize("body", [b"no json", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "?"}]}'])
def test_an_issuer_without_keys_is_our_trouble_and_not_the_bearers(issuer: Issuer, body: bytes) -> None:
    issuer.server.put(PATH, body, "application/json")
    with pytest.raises(
        TransientError, match=r"^tokens cannot be checked now: the issuer's keys cannot be read from http"
    ):
        tokens(issuer).caller(issuer.token("k1"))


def test_an_issuer_that_is_away_is_asked_once_in_a_while(issuer: Issuer) -> None:
    known = tokens(issuer, pause_s=600)
    rule = issuer.server.play(lambda _request, _forward: Answer(503, {}, b"busy"), PATH)
    for _ in range(5):
        with pytest.raises(TransientError, match=r"cannot be read from .*503.*; try again, or check service.jwt.jwks$"):
            known.caller(issuer.token("k1"))
    assert rule.played == 1
    impatient = tokens(issuer)
    with pytest.raises(TransientError):
        impatient.caller(issuer.token("k1"))
    issuer.server.behave()
    assert impatient.caller(issuer.token("k1")).person == "ann"


def test_keys_do_not_come_by_way_of_another_address(issuer: Issuer) -> None:
    issuer.server.put("/elsewhere.json", issuer.public(), "application/json")
    issuer.server.play(lambda _request, _forward: Answer(302, {"Location": "/elsewhere.json"}, b""), PATH)
    with pytest.raises(TransientError, match="302"):
        tokens(issuer).caller(issuer.token("k1"))
    assert issuer.server.asked("/elsewhere") == []


def test_keys_of_a_file_are_read_anew_where_it_changed(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    known = tokens(issuer, jwks=str(path))
    with pytest.raises(TransientError, match=f"cannot be read from {path} .*No such file"):
        known.caller(issuer.token("k1"))
    issuer.publish(path)
    assert known.caller(issuer.token("k1")).person == "ann"
    issuer.new_key("k2")
    issuer.publish(path)
    assert known.caller(issuer.token("k2")).person == "ann"
    assert issuer.fetches() == 0


@pytest.mark.parametrize("jwks", ["http://login.example.org/jwks", "ftp://127.0.0.1/jwks", "file:///etc/jwks"])
def test_keys_come_over_https_or_from_this_machine(jwks: str) -> None:
    with pytest.raises(
        ValueError, match="will not do: keys come over https, from this machine over http, or from a file"
    ):
        JwtSettings(issuer=ISSUER, audience="a", jwks=jwks, principals="groups")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "ES256K", "rs256"])
def test_an_algorithm_whose_key_others_have_cannot_be_configured(algorithm: str) -> None:
    with pytest.raises(ValueError, match="Input should be 'RS256'"):
        JwtSettings(issuer=ISSUER, audience="a", jwks="keys.json", principals="groups", algorithms=[algorithm])


def test_a_header_with_a_token_is_identified(issuer: Issuer, make_workspace: Callable[..., Workspace]) -> None:
    settings = make_workspace().settings
    without = Platform(settings)
    with pytest.raises(CredentialError, match=r"^this is no API key, and the service takes no tokens; send "):
        identify(without, f"Bearer {issuer.token('k1')}")
    with_tokens = Platform(settings.model_copy(update={"service": ServiceSettings(jwt=issuer.settings())}))
    found: Caller = identify(with_tokens, f"bearer {issuer.token('k1', sub='bob')}")
    assert found.person == "bob"
    for platform in (without, with_tokens):
        platform.close()
