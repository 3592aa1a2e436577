"""What the configuration says of sources: what all of them share, folders and buckets. See ``http_settings``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from penstock.ids import fingerprint
from penstock.records import NOBODY, PUBLIC

Principals = tuple[str, ...]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def fingerprint(self) -> str:
        """Hash of this section's values: what a derived artefact is keyed by."""
        return fingerprint(self.model_dump(mode="json"))


class AccessRule(Section):
    """Documents whose key begins with ``prefix`` may be read by ``principals``; the longest prefix wins."""

    prefix: str
    principals: Principals

    @field_validator("principals")
    @classmethod
    def _no_blank(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_principals(value)


class SourceBase(Section):
    """What every source says: which keys, how large, how fresh, and who may read where the source says nothing."""

    when_silent: Principals = Field(description="principals of a document about which the source says nothing")
    access: tuple[AccessRule, ...] = ()
    access_from: Literal["rules", "sidecar"] = "rules"
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()
    max_bytes: int = Field(default=100 * 2**20, gt=0)
    max_age_s: float | None = Field(default=None, gt=0, description="a source unsynced for longer is stale")

    @field_validator("when_silent")
    @classmethod
    def _no_blank(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_principals(value)


class FolderSource(SourceBase):
    type: Literal["folder"]
    path: Path
    follow_links: bool = False


class S3Source(SourceBase):
    """Objects of a bucket. Credentials: the standard chain, or the named Airflow connection (``aws`` type)."""

    type: Literal["s3"]
    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    connection: str | None = None
    access_from: Literal["rules", "sidecar", "metadata", "tags"] = "rules"  # type: ignore[assignment]
    concurrency: int = Field(default=8, ge=1, le=64)


def checked_principals(value: tuple[str, ...]) -> tuple[str, ...]:
    """Sorted and without repeats. ``nobody`` stands alone; a blank or padded name is an error.

    >>> checked_principals(("group:b", "group:a", "group:b"))
    ('group:a', 'group:b')
    """
    if not value:
        raise ValueError(f"the list of principals is empty; write [{PUBLIC!r}] or [{NOBODY!r}]")
    for name in value:
        if not name or name != name.strip():
            raise ValueError(f"{name!r} is not a principal: it is blank or padded with spaces")
    if NOBODY in value and len(set(value)) > 1:
        raise ValueError(f"{NOBODY!r} stands alone, not beside {sorted(set(value) - {NOBODY})}")
    return tuple(sorted(set(value)))
