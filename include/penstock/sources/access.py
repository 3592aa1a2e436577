"""Who may read a document, as its source says it: rules by prefix, a sidecar file, S3 metadata or S3 tags.

A document's own statement goes before a rule; where both are silent the answer is ``None`` and the caller applies
``when_silent``. A statement that cannot be understood is a ``problem``, and then nobody may read: a typo never opens.

    handbook/pay.md.access.json      {"principals": ["group:hr"], "fields": {"team": "people"}}
    S3 user metadata                 penstock-principals: group:hr, user:ana    penstock-field-team: people
    S3 object tags                   penstock:principals = group:hr user:ana    penstock:field:team = people
"""

from __future__ import annotations

import email.header
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import ConfigError, did_you_mean
from penstock.keys import source_name
from penstock.records import NOBODY, Reason, Refusal
from penstock.source_settings import AccessRule, checked_principals

SIDECAR_SUFFIX = ".access.json"
"""Reserved in every source and mode: a file so named describes its neighbour and is never a document."""
MAX_SIDECAR_BYTES = 64 * 1024
METADATA = "penstock-"
TAGS = "penstock:"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a document says of itself. ``principals`` is ``None`` where it does not say who may read."""

    principals: tuple[str, ...] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    problem: Refusal | None = None


SILENT = Statement()


class Rules:
    """``access`` rules, longest prefix first."""

    def __init__(self, source: str, rules: Iterable[AccessRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: -len(rule.prefix))
        prefixes = [rule.prefix for rule in self._rules]
        for prefix in prefixes:
            if prefixes.count(prefix) > 1:
                raise ConfigError(f"sources.{source}.access: two rules have the prefix {prefix!r}; merge them into one")

    def principals(self, key: str, own: Statement = SILENT) -> tuple[str, ...] | None:
        """Who may read the document ``key`` that says ``own`` of itself; ``None`` where nothing says so.

        >>> Rules("docs", [AccessRule(prefix="hr/", principals=("group:hr",))]).principals("hr/pay.md")
        ('group:hr',)
        """
        if own.problem:
            return (NOBODY,)
        if own.principals is not None:
            return own.principals
        name = source_name(key)
        for rule in self._rules:
            if name.startswith(rule.prefix):
                return rule.principals
        return None


def unreadable(where: str, fault: str, remedy: str) -> Statement:
    """The statement at ``where`` exists and cannot be used."""
    return Statement(problem=Refusal(Reason.BAD_SIDECAR, f"{where}: {fault}", remedy))


def from_sidecar(where: str, data: bytes) -> Statement:
    """Read a sidecar's bytes; ``where`` is its key. Never raises: a fault is the statement's ``problem``."""
    remedy = 'write {"principals": ["group:…"], "fields": {"name": "value"}}, or remove the file'
    try:
        if len(data) > MAX_SIDECAR_BYTES:
            raise ValueError(f"it is larger than {MAX_SIDECAR_BYTES:,} bytes")
        return _from_json(data)
    except RecursionError:
        return unreadable(where, "it is nested too deeply", remedy)
    except ValueError as error:
        return unreadable(where, str(error), remedy)


def from_metadata(where: str, metadata: Mapping[str, str], missing: int = 0) -> Statement:
    """Read S3 user metadata, of which ``missing`` entries could not be sent as headers."""
    remedy = "write penstock-principals: group:…, separated by commas, and penstock-field-<name>"
    if missing:
        return unreadable(where, f"{missing} metadata entries hold characters that S3 cannot send", remedy)
    own = {name.lower(): _decoded(value) for name, value in metadata.items()}
    return _from_names(where, own, METADATA, "-", ",", remedy)


def from_tags(where: str, tags: Mapping[str, str]) -> Statement:
    """Read S3 object tags. Principals are separated by spaces, since a tag may not hold a comma."""
    remedy = "write the tag penstock:principals with names separated by spaces, and penstock:field:<name>"
    return _from_names(where, tags, TAGS, ":", None, remedy)


def _from_json(data: bytes) -> Statement:
    try:
        raw = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ValueError(f"it holds a {type(raw).__name__}, not an object")
    for name in raw:
        if name not in ("principals", "fields"):
            raise ValueError(f"unknown key {name!r}{did_you_mean(name, ('principals', 'fields'))}")
    principals = raw.get("principals")
    if "principals" in raw and not (isinstance(principals, list) and all(isinstance(p, str) for p in principals)):
        raise ValueError("'principals' is not a list of strings")
    fields = raw.get("fields", {})
    if not isinstance(fields, dict):
        raise ValueError("'fields' is not an object")
    return _checked(principals, {name: field_text(name, value) for name, value in fields.items()})


def field_text(name: str, value: object) -> str:
    """A field's value as text: a number as JSON has it, a list of strings as a JSON array, which reads as a set.

    >>> field_text("year", 2024), field_text("tags", ["b", "a"])
    ('2024', '["b", "a"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list) and all(isinstance(one, str) and one.isprintable() for one in value):
        return json.dumps(value, ensure_ascii=False)
    raise ValueError(f"the field {name!r} is not a string, a number or a list of printable strings")


def _from_names(
    where: str, pairs: Mapping[str, str], prefix: str, joint: str, separator: str | None, remedy: str
) -> Statement:
    principals: list[str] | None = None
    fields = {}
    try:
        for name, value in pairs.items():
            if not name.startswith(prefix):
                continue
            own, _, field_name = name.removeprefix(prefix).partition(joint)
            if own == "principals" and not field_name:
                principals = [part.strip() for part in value.split(separator)]
            elif own == "field" and field_name:
                fields[field_name] = value
            else:
                raise ValueError(f"unknown name {name!r}; there are {prefix}principals and {prefix}field{joint}<name>")
        return _checked(principals, fields)
    except ValueError as error:
        return unreadable(where, str(error), remedy)


def _checked(principals: list[str] | None, fields: dict[str, str]) -> Statement:
    for text in (*(principals or ()), *fields, *fields.values()):
        # Control characters and lone surrogates break stores and logs, and hide in a name that looks right.
        if not text.isprintable():
            raise ValueError(f"{text!r} holds a character that cannot be printed")
    if "" in fields:
        raise ValueError("a field has no name")
    return Statement(None if principals is None else checked_principals(tuple(principals)), fields)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r} stands in it twice")
    return dict(pairs)


def _decoded(value: str) -> str:
    """S3 sends metadata that is not ASCII as an RFC 2047 word."""
    if "=?" not in value:
        return value
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, ValueError):
        return value
