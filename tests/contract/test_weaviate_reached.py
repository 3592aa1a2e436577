"""How a Weaviate server is reached: addresses, keys, certificates, and what a key must be allowed to do."""

from __future__ import annotations

from collections.abc import Mapping
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
from support.weaviate_server import own_weaviate


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    server = Server(WeaviateSettings(http="http://127.0.0.1:9", grpc="grpc://127.0.0.1:10", timeout_s=2))
    store = WeaviateStore(settings=server.settings)
    with pytest.raises(TransientError, match=r"cannot look for the index 'c' at http://127.0.0.1:9 now, try again: "):
        store.open("c").exists()


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


def test_an_address_that_will_not_do_is_named() -> None:
    both = Server(WeaviateSettings(http="https://host", grpc="grpcs://host"))
    with pytest.raises(ConfigError, match=r"weaviate: .*http.port and grpc.port must be different"):
        both.client  # noqa: B018
    with pytest.raises(ConfigError, match=r"weaviate.http: 'http://host:many' will not do: its port is no number"):
        Server(WeaviateSettings(http="http://host:many")).address("http")


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"login": "me", "password": "secret"}, "login"),
        ({"extra": {"access_token": "secret"}}, "access_token"),
        ({"extra": {"client_secret": "secret"}, "login": "me"}, "login and client_secret"),
    ],
)
def test_a_connection_that_signs_in_otherwise_is_no_anonymous_one(parts: Mapping[str, Any], named: str) -> None:
    server = Server(connections=lambda _: {"host": "127.0.0.1", "extra": {}, **parts})
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
