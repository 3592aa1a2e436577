"""The S3 client of a source: whose credentials, which endpoint, how patient. Heavy: imports boto3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]
import botocore.loaders  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.credentials import (  # type: ignore[import-untyped]
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

from penstock.errors import ConfigError
from penstock.source_settings import S3Source
from penstock.sources.base import FETCH_THREADS

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
_LOADER = botocore.loaders.create_loader()


def client(name: str, settings: S3Source, connection: Mapping[str, Any] | None) -> Any:
    """Return a thread-safe S3 client. Without a connection the standard chain finds the credentials.

    From a connection: login, password, and of its extra region_name, endpoint_url, aws_session_token, profile_name,
    role_arn, external_id. What the source's own settings say goes before the connection.
    """
    connection = connection or {}
    extra: Mapping[str, Any] = connection.get("extra") or {}
    if extra.get("assume_role_method", "assume_role") != "assume_role":
        raise ConfigError(
            f"sources.{name}.connection: assume_role_method = {extra['assume_role_method']!r} is not supported; "
            "use assume_role, or let the standard credential chain do it"
        )
    try:
        session = boto3.Session(
            botocore_session=_core(),
            aws_access_key_id=connection.get("login") or extra.get("aws_access_key_id"),
            aws_secret_access_key=connection.get("password") or extra.get("aws_secret_access_key"),
            aws_session_token=extra.get("aws_session_token"),
            profile_name=extra.get("profile_name"),
            region_name=settings.region or extra.get("region_name"),
        )
        if role := extra.get("role_arn"):
            session = _assuming(session, role, extra.get("external_id"))
        return session.client(
            "s3",
            endpoint_url=settings.endpoint_url or extra.get("endpoint_url"),
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                max_pool_connections=max(settings.concurrency + 1, FETCH_THREADS),  # one for the listing itself
                retries={"mode": "standard"},
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"source {name!r}: no S3 client: {error}; check sources.{name}.endpoint_url, region and connection"
        ) from None


def _core() -> botocore.session.Session:
    """Return a session that shares the parsed service descriptions: half the cost of a client, and the same for all."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    return core


class _RoleProvider(CredentialProvider):  # type: ignore[misc]
    METHOD = "penstock-assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)


def _assuming(session: boto3.Session, role: str, external_id: str | None) -> boto3.Session:
    """Return a session that takes on ``role`` with the given session's credentials and renews them in time."""
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda service, **options: session.client(service, **options),
        source_credentials=session.get_credentials(),
        role_arn=role,
        extra_args={"RoleSessionName": "penstock"} | ({"ExternalId": external_id} if external_id else {}),
    )
    core = _core()
    core.register_component("credential_provider", CredentialResolver([_RoleProvider(fetcher)]))
    return boto3.Session(botocore_session=core, region_name=session.region_name)
