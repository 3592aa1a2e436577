"""Places that documents come from. ``open_source`` makes one from its settings."""

from __future__ import annotations

from penstock.errors import ConfigError
from penstock.http_settings import ApiSource, WebsiteSource
from penstock.source_settings import FolderSource, S3Source
from penstock.sources.base import Before, Cursor, Reading, Source, TooLargeError
from penstock.sources.connection import Connections, connection_from_environment
from penstock.sources.folder import FolderDocuments

__all__ = [
    "Before",
    "Connections",
    "Cursor",
    "Reading",
    "Source",
    "TooLargeError",
    "connection_from_environment",
    "open_source",
]


def open_source(
    name: str,
    settings: FolderSource | S3Source | ApiSource | WebsiteSource,
    connections: Connections = connection_from_environment,
) -> Source:
    """Return the source ``name``. Nothing is read yet: what does not exist shows when it is listed.

    ``connections`` resolves the Airflow connection that ``settings`` names; by default from ``AIRFLOW_CONN_<NAME>``.
    Raises ``ConfigError``: no such connection, a bad pattern, two rules for one prefix.
    """
    if isinstance(settings, FolderSource):
        return FolderDocuments(name, settings)
    if isinstance(settings, WebsiteSource):
        from penstock.sources.website import WebsitePages

        return WebsitePages(name, settings)
    connection = connections(settings.connection) if settings.connection else None
    if settings.connection and connection is None:
        raise ConfigError(
            f"sources.{name}.connection: there is no connection {settings.connection!r}; "
            f"set AIRFLOW_CONN_{settings.connection.upper()}, or add it in Airflow, where only its tasks see it"
        )
    if isinstance(settings, ApiSource):
        from penstock.sources.api import ApiDocuments  # dlt takes two seconds to import

        return ApiDocuments(name, settings, connection)
    from penstock.sources.s3 import S3Documents  # boto3 takes a third of a second to import

    return S3Documents(name, settings, connection)
