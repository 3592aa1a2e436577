"""What the configuration says of sources behind HTTP: JSON APIs and websites. No secret stands in it, only its place.

Expressions are read over one record; a path is dotted names from the top of an answer.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from penstock.expressions import Expression
from penstock.header_values import is_header_value
from penstock.source_settings import Section, SourceBase

FORBIDDEN_HEADERS = ("authorization", "cookie", "proxy-authorization")


def web_parts(text: str) -> SplitResult | None:
    """The parts of an address of HTTP that a client can connect to; ``None`` for any other text.

    >>> [web_parts(one) is not None for one in ("https://h/p", "ftp://h", "http://[bad", "http://h:99999", "http://a..b")]
    [True, False, False, False, False]
    """
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0  # one out of range raises
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if known else None


def _is_web_address(text: str) -> str:
    parts = web_parts(text)
    if parts is None:
        shown = "this" if "@" in text else repr(text)  # what is before an @ may be a password
        raise ValueError(f"{shown} is not an address; write https://host/path")
    if parts.username or parts.password:
        raise ValueError("the address holds a login; take it out, and name a connection or an environment variable")
    if parts.fragment:
        raise ValueError(f"{text!r} points into a page; take away what follows '#'")
    return text


def _is_header_value(text: str) -> str:
    if not is_header_value(text):
        raise ValueError(f"{text!r} cannot be sent in a header; write it on one line, in Latin letters")
    return text


DottedPath = Annotated[str, Field(pattern=r"^(\w[\w-]*(\.\w[\w-]*)*)?$")]
Address = Annotated[str, AfterValidator(_is_web_address)]
HeaderValue = Annotated[str, Field(min_length=1), AfterValidator(_is_header_value)]


class HttpSource(SourceBase):
    """What every source behind HTTP says: how patient, how fast, and where it may connect to."""

    requests_per_second: float = Field(default=5.0, gt=0, description="of each process: divide it by the workers")
    timeout_s: float = Field(default=30.0, gt=0, description="of silence; a whole answer may take ten times that")
    tries: int = Field(default=5, ge=1, le=20)
    max_wait_s: float = Field(
        default=120.0, ge=0, description="a server or a robots.txt that asks to wait for longer ends the listing"
    )
    allow_private_addresses: bool = False


class Auth(Section):
    """How requests prove who asks. The secret is the connection's password, or the variable ``secret_env``."""

    kind: Literal["bearer", "header", "query", "basic", "oauth2"]
    name: str | None = Field(default=None, description="of the header or the query parameter")
    secret_env: str | None = None
    login: str | None = Field(default=None, description="the user, or the client's id; else the connection's login")
    token_url: Address | None = None
    scope: str | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {"header": ("name",), "query": ("name",), "oauth2": ("token_url",)}.get(self.kind, ())
        optional = {"basic": ("login",), "oauth2": ("login", "scope")}.get(self.kind, ())
        _require(self, self.kind, needed, ("secret_env", *optional))
        return self


class Pages(Section):
    """How the answer goes on: ``page`` and ``offset`` count, ``cursor`` and ``next_url`` stand in the body, ``link``
    in the Link header. ``total`` is the path of the number of pages, or of records for ``offset``.
    """

    kind: Literal["single", "page", "offset", "cursor", "link", "next_url"]
    param: str | None = None
    next: DottedPath | None = None
    first: int = Field(default=1, description="0 where the API counts pages from 0: its first one is lost otherwise")
    limit: int | None = Field(default=None, gt=0, description="of records in an answer; the server may send fewer")
    limit_param: str = "limit"
    total: DottedPath | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {"page": ("param",), "offset": ("param", "limit"), "cursor": ("param", "next"), "next_url": ("next",)}
        optional = {"page": ("first", "total"), "offset": ("limit_param", "total")}
        _require(self, self.kind, needed.get(self.kind, ()), optional.get(self.kind, ()))
        return self


class Incremental(Section):
    """Ask only for what changed: ``param`` takes a time, ``field`` is where a record says when it changed.

    The next reading begins ``overlap_s`` before the newest change that was kept. All is read again every
    ``whole_every_s``, since an API may forget to say something.
    """

    param: str
    field: Expression
    format: Literal["iso", "epoch_s", "epoch_ms"] = "iso"
    overlap_s: float = Field(default=300.0, ge=0)
    whole_every_s: float = Field(default=7 * 86_400.0, gt=0)


class RecordTemplate(Section):
    """What a document is made of. ``principals`` counts where ``access_from = "record"``.

    ``key`` is each record's own: two records of one key end the listing.
    """

    key: Expression
    title: Expression | None = None
    body: Expression
    format: Literal["markdown", "html", "text"] = "markdown"
    url: Expression | None = None
    modified: Expression | None = None
    principals: Expression | None = None
    fields: dict[str, Expression] = Field(default={})


class AttachedFiles(Section):
    """Files of a record, each a document of its own, fetched from the API's own host. ``each`` yields a list; the
    others are read from one of it. Where ``version`` is silent, a file is new when its address is.
    """

    each: Expression
    name: Expression
    url: Expression
    version: Expression | None = None


class ApiSource(HttpSource):
    """A JSON API that lists records. ``records`` is the path of their list in an answer; "" where the answer is it."""

    type: Literal["api"]
    base_url: Address
    path: str = ""
    params: dict[str, str | int | bool] = Field(default={})
    headers: dict[str, str] = Field(default={})
    connection: str | None = None
    auth: Auth | None = None
    pages: Pages
    records: DottedPath = ""
    where: Expression | None = None
    document: RecordTemplate
    attachments: AttachedFiles | None = None
    incremental: Incremental | None = None
    deletions: Literal["full", "tombstone", "none"]
    tombstone: Expression | None = None
    access_from: Literal["rules", "record"] = "rules"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.deletions == "tombstone") != (self.tombstone is not None):
            raise ValueError('deletions = "tombstone" and tombstone, the expression that says so, go together')
        if (self.access_from == "record") != (self.document.principals is not None):
            raise ValueError('access_from = "record" and document.principals go together')
        if named := [name for name in self.headers if name.lower() in FORBIDDEN_HEADERS]:
            raise ValueError(f"headers holds {named[0]!r}, a secret; describe it under auth, and keep it out of here")
        if self.connection and self.auth is None:
            raise ValueError("connection is named and auth is not: say how its password is sent")
        return self


class WebsiteSource(HttpSource):
    """The pages that a sitemap names. Its host, and ``hosts``, are asked; robots.txt is obeyed."""

    type: Literal["website"]
    sitemap: Address
    hosts: tuple[str, ...] = Field(default=(), description="other hosts that pages may lie on, each host or host:port")
    user_agent: HeaderValue = Field(default="penstock", description="whose rules of robots.txt are obeyed")
    content_types: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    trust_lastmod: bool = Field(default=True, description="a page whose lastmod stands is not asked for")
    max_pages: int = Field(default=50_000, gt=0)
    access_from: Literal["rules"] = "rules"


def _require(section: Section, kind: str, needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Raise ``ValueError`` where a key that the section's kind needs is missing, or one has no meaning for it."""
    given = section.model_fields_set - {"kind"}
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"kind = {kind!r} needs {' and '.join(missing)}")
    if strange := sorted(given - {*needed, *optional}):
        raise ValueError(f"{strange[0]!r} has no meaning for kind = {kind!r}; leave it out")
