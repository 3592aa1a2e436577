"""API keys: made once, known by their hash, ended by time or by a person, on either kind of catalog."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select, update

from penstock import inspection
from penstock.catalog.schema import api_keys
from penstock.credentials import NAMELESS, AccessError, Caller, CredentialError, as_reader, identify, keys
from penstock.errors import PenstockError, UnknownNameError, UsageError
from penstock.ids import sha256
from penstock.platform import Platform
from penstock.service_settings import ServiceSettings
from support.workspace import WHO, Workspace

OTHER_SECRET = "0" * 64


@pytest.fixture
def platform(make_workspace: Callable[..., Workspace], catalog_url: str) -> Platform:
    return make_workspace(catalog=catalog_url).platform


def bearer(key: str) -> str:
    return f"Bearer {key}"


def made(platform: Platform, name: str = "intranet", **options: Any) -> dict[str, Any]:
    return keys.create(platform, WHO, name, options.pop("principals", ["group:a"]), **options)


@contextmanager
def refused(message: str, kind: type[PenstockError] = CredentialError) -> Iterator[None]:
    with pytest.raises(kind, match=f"^{message}") as caught:
        yield
    assert OTHER_SECRET not in str(caught.value)


def change(platform: Platform, id_: str, **values: Any) -> None:
    with platform.catalog.write() as connection:
        connection.execute(update(api_keys).where(api_keys.c.id == id_).values(**values))


def test_a_key_stands_for_its_principals_and_is_kept_as_a_hash(platform: Platform) -> None:
    key = made(platform, principals=["group:b", "group:a"])
    found = identify(platform, bearer(key["key"]))
    assert found == Caller(
        f"key:{key['id']}", ("group:a", "group:b", "public"), "intranet", "key intranet", names_people=True
    )
    secret = key["key"].rpartition("_")[2]
    with platform.catalog.read() as connection:
        row = connection.execute(select(api_keys)).one()
    assert row.secret == sha256(secret.encode())
    assert secret not in str(tuple(row))
    assert secret not in str(keys.list_keys(platform))
    assert [(one["what"], one["why"]) for one in inspection.log(platform)] == [
        ("create-key", f"key {key['id']} gives group:a, group:b")
    ]
    assert made(platform, "another")["key"].rpartition("_")[2] != secret


def test_what_is_no_key_in_force_is_named_for_what_it_is(platform: Platform) -> None:
    key = made(platform)
    with refused("this is no whole API key: psk_, 12 digits of its id, _, 64 of its secret; copy it anew"):
        identify(platform, bearer(key["key"][:-1]))
    with refused(f"there is no such API key as this one of the id {key['id']}; ask for one of this service"):
        identify(platform, bearer(f"psk_{key['id']}_{OTHER_SECRET}"))
    with refused("there is no such API key as this one of the id 000000000000; ask for one of this service"):
        identify(platform, bearer(f"psk_000000000000_{OTHER_SECRET}"))


def test_only_the_bearer_of_the_secret_learns_that_a_key_was_revoked_or_expired(platform: Platform) -> None:
    old, gone = made(platform, "old", expires_days=1), made(platform, "gone")
    change(platform, old["id"], expires_at=time.time() - 1)
    keys.revoke(platform, WHO, gone["id"], "it stood in a log")
    with refused(rf"the API key {old['id']} expired on \d{{4}}-.* UTC; ask for a new one$"):
        identify(platform, bearer(old["key"]))
    with refused(rf"the API key {gone['id']} was revoked on \d{{4}}-.* UTC; ask for a new one$"):
        identify(platform, bearer(gone["key"]))
    for key in (old, gone):
        with refused(f"there is no such API key as this one of the id {key['id']}"):
            identify(platform, bearer(f"psk_{key['id']}_{OTHER_SECRET}"))
    assert {one["name"]: one["state"] for one in keys.list_keys(platform)} == {"old": "expired", "gone": "revoked"}


def test_a_revocation_counts_without_a_restart_and_each_request_does_not_read_the_keys(platform: Platform) -> None:
    key = made(platform)
    reads: list[str] = []

    @event.listens_for(platform.catalog.engine, "before_cursor_execute")
    def _count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        reads.extend([statement] if "FROM api_keys" in statement else [])

    began = time.monotonic()
    for _ in range(300):
        identify(platform, bearer(key["key"]))
    assert len(reads) <= 1 + (time.monotonic() - began)
    keys.revoke(platform, WHO, key["id"], "its holder left")
    time.sleep(1.0)
    with refused(f"the API key {key['id']} was revoked"):
        identify(platform, bearer(key["key"]))


def test_a_key_is_replaced_by_another_of_its_name_without_a_gap(platform: Platform) -> None:
    first = made(platform)
    message = f"there is a key 'intranet' already, {first['id']}; choose another name, or revoke it first: "
    with refused(message, UsageError):
        made(platform)
    keys.revoke(platform, WHO, first["id"], "once a year", in_days=1)
    second = made(platform)
    callers = [identify(platform, bearer(one["key"])) for one in (first, second)]
    assert [one.name for one in callers] == [f"key:{first['id']}", f"key:{second['id']}"]
    assert {one.owner for one in callers} == {"key intranet"}
    keys.revoke(platform, WHO, first["id"], "it was in a log after all")
    with refused(f"key '{first['id']}' was revoked before; it opens nothing, or will not by then$", UsageError):
        keys.revoke(platform, WHO, first["id"], "again")
    with refused("unknown key 'intranet'; there are: ", UnknownNameError):
        keys.revoke(platform, WHO, "intranet", "by its name")
    with refused("a decision needs a reason", UsageError):
        keys.revoke(platform, WHO, second["id"], " ")


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "principals", "days", "message"),
    [
        ("Intranet", ["group:a"], None, "'Intranet' will not do as a key's name: a small letter, then "),
        ("anonymous", ["group:a"], None, "'anonymous' will not do as a key's name"),
        ("a:b", ["group:a"], None, "'a:b' will not do as a key's name"),
        ("a", [], None, r"the list of principals is empty; write \['public'\]"),
        ("a", ["group:a "], None, "'group:a ' is not a principal: it is blank or padded"),
        ("a", ["nobody"], None, "'nobody' is not a reader: it marks what no one may see$"),
        ("a", ["group:a"], 0, "--expires 0 will not do; it is a number of days above 0$"),
        ("a", ["group:a"], float("nan"), "--expires nan will not do"),
    ],
)
def test_a_key_that_will_not_do_is_not_made(
    platform: Platform, name: str, principals: list[str], days: float | None, message: str
) -> None:
    with refused(message, UsageError):
        keys.create(platform, WHO, name, principals, days)
    assert keys.list_keys(platform) == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_without_a_credential_one_is_nobody_in_particular_or_asked_for_one(platform: Platform) -> None:
    assert identify(platform, None) is NAMELESS
    closed = Platform(platform.settings.model_copy(update={"service": ServiceSettings(anonymous=False)}))
    with refused("this service asks who you are; send `Authorization: Bearer KEY`, an API key or a token$"):
        identify(closed, None)
    closed.close()


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic {key}", "{key}", "Bearer {key} x", "Bearer  ", "Bearer \u00e9"]
)
def test_a_header_that_will_not_do_never_counts_as_none(platform: Platform, header: str) -> None:
    """Where somebody means to be somebody, being taken for anybody would hide that they are not."""
    key = made(platform)["key"]
    with pytest.raises(CredentialError) as caught:
        identify(platform, header.format(key=key))
    assert str(caught.value) == (
        "the header Authorization is not one word after `Bearer`; send `Authorization: Bearer KEY`"
    )


# as which reader


GIVES = Caller("key:1", ("group:a", "group:b", "public"), "intranet", "key intranet")
TOKEN = Caller("token:1", ("group:a", "public"), "ann", "token:1", names_people=False)


def test_a_reader_is_what_the_credential_gives_or_less() -> None:
    assert as_reader(GIVES).principals == ("group:a", "group:b", "public")
    assert as_reader(GIVES, ["group:b"]).principals == ("group:b", "public")
    assert as_reader(GIVES, []).principals == ("public",)
    for strange in ("group:c", "nobody", "group:A", "group:a ", "", "group"):
        message = f"this credential does not give the principal {strange!r}; it gives: group:a, group:b, public"
        with pytest.raises(AccessError, match=f"^{re.escape(message)}$"):
            as_reader(GIVES, ["group:a", strange])
    with pytest.raises(AccessError, match=r"it gives: public$"):
        as_reader(NAMELESS, ["group:a"])


def test_a_key_names_its_people_and_nobody_elses() -> None:
    assert [as_reader(GIVES, None, name).person for name in (None, " ", "bob", "ann")] == [
        "intranet",
        "intranet",
        "intranet:bob",
        "intranet:ann",
    ]
    assert [as_reader(NAMELESS, None, name).person for name in (None, "ann")] == [None, "anonymous:ann"]
    assert [as_reader(TOKEN, None, name).person for name in (None, "ann")] == ["ann", "ann"]
    with pytest.raises(AccessError, match=r"^a token says itself who is asking; leave `person` out$"):
        as_reader(TOKEN, None, "bob")
