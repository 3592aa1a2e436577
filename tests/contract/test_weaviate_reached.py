"""How a Weaviate server is reached: addresses, keys, certificates, and what a key must be allowed to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from weaviate.classes.rbac import Permissions

from contract.index_rows import DIMENSION, FIELDS, WeaviateStore, keys, row, vector
from penstock.errors import ConfigError, StoreError, TransientError
from penstock.index.weaviate import WeaviateIndex
from penstock.index.weaviate_server import Address, Server
from penstock.records import Query
from penstock.settings import WeaviateSettings
from support.certificates import self_signed
from support.weaviate_server import emptied_afterwards, own_weaviate, require_weaviate
from support.web import WebServer


@pytest.fixture
def host() -> Iterator[WebServer]:
    """It answers as HTTP does, and is no Weaviate."""
    with WebServer.serve() as server:
        yield server


def _settings(host: WebServer) -> WeaviateSettings:
    return WeaviateSettings(http=host.url, grpc="grpc://127.0.0.1:10", timeout_s=2)


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    server = Server(WeaviateSettings(http="http://127.0.0.1:9", grpc="grpc://127.0.0.1:10", timeout_s=2))
    store = WeaviateStore(settings=server.settings)
    with pytest.raises(TransientError) as caught:
        store.open("c").exists()
    assert str(caught.value) == (
        "cannot look for the index 'c' at http://127.0.0.1:9 now, try again: [Errno 111] Connection refused; "
        "check weaviate.http and weaviate.grpc, or the connection that names the server"
    )


CONNECTION = {
    "conn_type": "weaviate",
    "host": "weaviate.example",
    "port": 443,
    "extra": {"http_secure": True, "grpc_host": "grpc.example", "grpc_port": "50052", "grpc_secure": "true"},
}


@pytest.mark.parametrize(
    ("settings", "connection", "http", "grpc"),
    [
        ({}, None, ("localhost", 8080, False), ("localhost", 50051, False)),
        ({}, CONNECTION, ("weaviate.example", 443, True), ("grpc.example", 50052, True)),
        (
            {"http": "https://other:8443", "grpc": "grpcs://other"},
            CONNECTION,
            ("other", 8443, True),
            ("other", 443, True),
        ),
        ({}, {"host": "plain", "port": 8080, "extra": {}}, ("plain", 8080, False), ("plain", 80, False)),
    ],
)
def test_addresses_come_from_the_configuration_or_else_the_connection(
    settings: dict[str, Any], connection: Any, http: Any, grpc: Any
) -> None:
    server = Server(WeaviateSettings(**settings), lambda name: connection if name == "weaviate_default" else None)
    assert (server.address("http"), server.address("grpc")) == (Address(*http), Address(*grpc))


@pytest.mark.parametrize("written", ["https://host:many", "https://host:99999", "https://host:0"])
def test_a_port_that_is_none_is_named(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Server(WeaviateSettings(http=written)).client  # noqa: B018
    assert str(caught.value) == f"weaviate.http: {written!r} will not do: its port is no number from 1 to 65535"


def test_an_address_of_the_sixth_version_keeps_its_brackets() -> None:
    assert Server(WeaviateSettings(http="http://[::1]:8080")).url == "http://[::1]:8080"


def test_two_addresses_that_are_one_are_named() -> None:
    both = Server(WeaviateSettings(http="https://host", grpc="grpcs://host"))
    with pytest.raises(
        ConfigError, match=r"weaviate: HTTP and gRPC cannot both be at host:443; set weaviate\.http and"
    ):
        both.client  # noqa: B018


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"port": "abc"}, "port of the connection 'weaviate_default' is 'abc'; a port is a number from 1 to 65535"),
        (
            {"extra": {"grpc_port": "abc"}},
            "grpc_port of the connection 'weaviate_default' is 'abc'; a port is a number",
        ),
        (
            {"host": "http://localhost"},
            "host of the connection 'weaviate_default' will not do: write the host's name alo",
        ),
        (
            {"host": "me:s3cr3t@host"},
            "host of the connection 'weaviate_default' will not do: write the host's name alone",
        ),
        ({"extra": {"grpc_host": "h:50051"}}, "grpc_host of the connection 'weaviate_default' will not do: write the "),
        ({"extra": {"additional_headers": "x"}}, "additional_headers of the connection 'weaviate_default' are none; "),
        (
            {"extra": {"additional_headers": {"X-Key": "s3cr3t\n"}}},
            "additional_headers of the connection 'weaviate_default': the value of X-Key cannot be sent",
        ),
        (
            {"extra": {"additional_headers": {"X Key": "s3cr3t"}}},
            "additional_headers of the connection 'weaviate_default': the name of number 1 is no header's",
        ),
    ],
)
def test_a_part_of_the_connection_that_will_not_do_is_named(parts: Mapping[str, Any], said: str) -> None:
    server = Server(connections=lambda _: {"host": "127.0.0.1", "port": 9, **parts})
    with pytest.raises(ConfigError) as caught:
        server.client  # noqa: B018
    assert str(caught.value).startswith(said)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("key", ["s3cr3t key", "s3cr3t€", "s3cr\n3t"])
@pytest.mark.parametrize("place", ["WEAVIATE_API_KEY", "api_key of the connection 'weaviate_default'"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(
    key: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", key)
    server = Server(connections=lambda _: {"extra": {"api_key": key}} if "connection" in place else None)
    with pytest.raises(ConfigError) as caught:
        server.client  # noqa: B018
    assert str(caught.value) == f"what {place} holds is no key: it has a space or a character that no key has"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("extra", "variable", "sent"),
    [
        ({}, "key\n", "Bearer key"),  # as a file's last line ends
        ({"api_key": "  "}, "key", "Bearer key"),
        ({"token": " key\n"}, "other", "Bearer key"),
        ({}, "  ", None),
    ],
)
def test_white_space_around_a_key_is_none_of_it(
    extra: Mapping[str, Any], variable: str, sent: str | None, host: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", variable)
    server = Server(_settings(host), lambda _: {"extra": extra})
    with pytest.raises(StoreError):
        WeaviateIndex(server, "c").exists()
    assert host.requests[-1].headers.get("authorization") == sent


@pytest.mark.parametrize("meta", ["[]", "{}", '{"version": null}', '{"version": "dev"}'])
def test_what_is_no_weaviate_is_named(meta: str, host: WebServer) -> None:
    host.put("/v1/meta", meta)
    with pytest.raises(StoreError) as caught:
        WeaviateIndex(Server(_settings(host)), "c").exists()
    assert str(caught.value) == (
        f"what answers at {host.url} tells no version of Weaviate; "
        "check weaviate.http and weaviate.grpc, or the connection that names the server"
    )


@pytest.mark.parametrize("version", ["v1.37.9", "1.37.0-dev"])
def test_a_server_that_is_too_old_is_named(version: str, host: WebServer) -> None:
    host.put("/v1/meta", json.dumps({"version": version}))
    with pytest.raises(StoreError, match=rf"is Weaviate {version}; penstock needs 1\.38 or newer"):
        WeaviateIndex(Server(_settings(host)), "c").exists()


def test_tls_with_a_server_that_speaks_none_is_named(host: WebServer) -> None:
    server = Server(_settings(host).model_copy(update={"http": host.url.replace("http", "https")}))
    with pytest.raises(StoreError, match=r"cannot look for the index 'c' at https://.*: it does not speak TLS there; "):
        WeaviateIndex(server, "c").exists()


def test_two_servers_behind_the_addresses_of_one_are_named(tmp_path: Path) -> None:
    with emptied_afterwards(require_weaviate()) as settings, own_weaviate(tmp_path) as own:
        index = WeaviateIndex(Server(settings.model_copy(update={"grpc": own.settings.grpc})), "c")
        index.create(DIMENSION, FIELDS)
        for use in (lambda: index.writer().add([row("a")]), lambda: index.count(1)):
            with pytest.raises(StoreError, match=r"gRPC has no such collection at 127\.0\.0\.1:\d+; that is another "):
                use()
        index.server.close()


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"login": "me", "password": "secret"}, "login"),
        ({"extra": {"access_token": "secret"}}, "access_token"),
        ({"extra": {"client_secret": "secret"}, "login": "me"}, "login and client_secret"),
    ],
)
def test_a_connection_that_signs_in_otherwise_is_no_anonymous_one(parts: Mapping[str, Any], named: str) -> None:
    server = Server(connections=lambda _: {"host": "127.0.0.1", "port": 9, "extra": {}, **parts})
    with pytest.raises(ConfigError) as caught:
        server.client  # noqa: B018
    assert str(caught.value) == (
        f"the connection 'weaviate_default' signs in by {named}, and penstock by a key alone; "
        'give it one (extra: {"token": …}), or set WEAVIATE_API_KEY'
    )


def test_over_tls_with_certificates_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = self_signed(tmp_path)
    with own_weaviate(tmp_path, tls) as own:
        untrusting = WeaviateIndex(Server(own.settings), "c")
        with pytest.raises(
            StoreError, match=r"at https://127.0.0.1:\d+: its certificate is none that is trusted here; SSL_CERT_FILE"
        ):
            untrusting.exists()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(ConfigError, match=r"SSL_CERT_FILE names no file of certificates: .*none\.pem"):
            WeaviateIndex(Server(own.settings), "c").exists()
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
        server = Server(own.settings)
        assert _written_and_found(server) == ["a"]
        server.close()


LEAST = {
    "collections": {"create_collection": True, "read_config": True, "delete_collection": True},
    "data": {"create": True, "read": True, "update": True, "delete": True},
}


def test_a_key_needs_no_more_than_what_stands_below_the_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections, data and aliases of that prefix, and what their shards are doing."""
    access = {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": "key-of-root,key-of-penstock",
        "AUTHENTICATION_APIKEY_USERS": "root,penstock",
        "AUTHORIZATION_RBAC_ENABLED": "true",
        "AUTHORIZATION_RBAC_ROOT_USERS": "root",
    }
    with own_weaviate(tmp_path, **access) as own:
        monkeypatch.setenv("WEAVIATE_API_KEY", "key-of-root")
        root = Server(own.settings)
        below = own.settings.prefix + "*"
        root.client.roles.create(
            role_name="writer",
            permissions=[
                Permissions.collections(collection=below, **LEAST["collections"]),
                Permissions.data(collection=below, **LEAST["data"]),
                Permissions.alias(alias=below, collection=below, create=True, read=True, update=True, delete=True),
                Permissions.Nodes.verbose(collection=below, read=True),
            ],
        )
        monkeypatch.setenv("WEAVIATE_API_KEY", "key-of-penstock")
        server = Server(own.settings)
        with pytest.raises(StoreError, match=r"to one that may read and write Penstock_\*"):
            _written_and_found(server)
        root.client.users.db.assign_roles(user_id="penstock", role_names=["writer"])
        assert _written_and_found(server) == ["a"]
        for one in (server, root):
            one.close()


def _written_and_found(server: Server) -> list[str]:
    """Everything that penstock does with a server, once, with one row that is left and found."""
    index = WeaviateIndex(server, "handbook_g1")
    index.create(DIMENSION, FIELDS)
    writer = index.writer()
    writer.add([row("a"), row("b"), row("c", added_in=2)])
    writer.retire([row("a").id], 9)
    writer.set_principals({row("a").document_id: ("group:a",)})
    writer.discard(2)
    index.settle()
    index.name_live("handbook")
    index.erase([row("b").document_id])
    index.fence()
    found = keys(index.search(Query("text", vector("a"), 1, ("group:a",))))
    assert keys(index.rows(vectors=True)) == found
    index.drop()
    return found
