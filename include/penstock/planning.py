"""Decide what a sync has to do: the listing against what the catalog knows, before a byte is fetched.

``decide`` is pure. ``make_plan`` streams each source's listing through it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import and_, select

from penstock import cursors, manifest
from penstock.batching import batched
from penstock.catalog import Catalog
from penstock.catalog.schema import documents, entries, parses
from penstock.errors import ListingError, SourceError
from penstock.graves import buried_name, graves
from penstock.ids import document_id, sha256
from penstock.keys import ATTACHMENT, parse_key
from penstock.lake import Kind
from penstock.parsing import parser_fingerprint
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, Reason, Refusal, SourceObject
from penstock.source_settings import SourceBase
from penstock.sources.access import Rules
from penstock.sources.base import Before, Cursor, Reading

COUNTS = ("listed", "unchanged", "quarantined_before", "erased", "work", "attachments_carried", "carried")


class Known(NamedTuple):
    """What the catalog knows of a document: its last state at the source, and its entry in the base release.

    A tuple, since there is one for every document of a source at once: a dataclass takes four times as long to make.
    """

    id: str
    hint: str
    revision: str | None
    principals: str
    fields: str
    parent_id: str | None
    erased: bool
    entry_revision: str | None
    entry_fields: str | None
    in_release: bool
    quarantined: bool
    unseen: tuple[str, str] | None
    """Reason and detail, where the document was refused without a look at its bytes."""
    retry: bool
    """Quarantined, and nothing is known of the bytes under today's parser: try it again."""
    principals_pending: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A document that must be looked at. ``revision`` is set where the hint says that the bytes are known.

    ``hint`` is None for a revision that is not the newest one: the catalog goes on knowing the document by that.
    """

    id: str
    source: str
    key: str
    size_bytes: int
    hint: str | None
    principals: tuple[str, ...]
    fields: Mapping[str, str]
    revision: str | None
    problem: Refusal | None
    locator: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Work:
        problem = Refusal(**value["problem"]) if value["problem"] else None
        return cls(**{**value, "principals": tuple(value["principals"]), "problem": problem})


@dataclass
class Plan:
    """What a sync would do. ``removed`` and ``access`` name documents by id; attachments follow their parent."""

    work: list[Work] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    access: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[ListingError] = field(default_factory=list)

    def require_a_listing(self) -> None:
        """Raise the first ``ListingError`` where no source at all could be listed."""
        if self.errors and len(self.errors) == len(self.sources):
            raise self.errors[0]

    def batches(self, max_bytes: float) -> list[list[Work]]:
        """The work in batches of about equal size: largest first into the lightest batch."""
        total = sum(item.size_bytes for item in self.work)
        heaps: list[list[Work]] = [[] for _ in range(max(1, min(MAX_BATCHES, round(total / max_bytes + 0.5))))]
        weights = [0] * len(heaps)
        for item in sorted(self.work, key=lambda w: (-w.size_bytes, w.id)):
            lightest = weights.index(min(weights))
            heaps[lightest].append(item)
            weights[lightest] += item.size_bytes + 1024
        return [heap for heap in heaps if heap]


MAX_BATCHES = 256  # Airflow maps at most 1,024 tasks, at about a second each


def canonical(value: Any) -> str:
    """One spelling for equal values, so that the catalog compares them as text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def spelled_principals(principals: tuple[str, ...]) -> str:
    """``canonical``, remembered: a hundred thousand documents have a handful of lists of readers."""
    return canonical(principals)


def spelled_fields(fields: Mapping[str, str]) -> str:
    return canonical(dict(fields)) if fields else "{}"


def decide(item: SourceObject, known: Known | None, verify: bool) -> str:
    """Return unchanged, quarantined_before, erased or work for one listed object."""
    if known is None:
        return "work"
    if known.erased:
        return "erased"
    if verify or known.retry or not known.in_release or spelled_fields(item.fields) != known.entry_fields:
        return "work"
    refused = (str(item.problem.reason), item.problem.detail) if item.problem else None
    if refused != known.unseen:
        return "work"
    if refused is None and (item.hint != known.hint or known.revision != known.entry_revision):
        return "work"
    return "quarantined_before" if known.quarantined else "unchanged"


def too_large(item: SourceObject, source: str, max_bytes: int) -> SourceObject:
    """The object with a problem, where the listing says that it is larger than its source allows."""
    if item.problem or item.size_bytes <= max_bytes:
        return item
    detail = f"{item.size_bytes} bytes, the source allows {max_bytes}"
    remedy = f"raise sources.{source}.max_bytes, or exclude it"
    return replace(item, problem=Refusal(Reason.TOO_LARGE, detail, remedy))


def principals_of(item: SourceObject, when_silent: tuple[str, ...]) -> tuple[str, ...]:
    """Who may read: what the source says, else what its settings declare; nobody where it could not be read."""
    if item.problem and item.problem.reason != Reason.TOO_LARGE:
        return (NOBODY,)
    return item.principals if item.principals is not None else when_silent


def plan_source(
    name: str,
    reading: Reading,
    known: Mapping[str, Known],
    when_silent: tuple[str, ...],
    plan: Plan,
    verify: bool = False,
    rules: Callable[[str], tuple[str, ...]] | None = None,
    keep: Callable[[bytes], str] = sha256,
) -> None:
    """Add one source's share to ``plan``.

    ``rules`` says who may read a key where the configuration alone decides; it then also holds for documents that the
    source no longer lists, which old releases may still show. ``keep`` puts bytes that the listing itself brought
    where they can be read, and returns their SHA-256. Raises ``ListingError`` where the listing broke off, repeated a
    key, or came back empty (unless the source was emptied before): such a listing removes nothing.
    """
    share = Plan()
    seen: set[str] = set()
    gone: set[str] = set()
    served = {known_.id: key for key, known_ in known.items() if known_.in_release and known_.parent_id is None}
    families = attachments_of(known.values())
    for item in reading.objects:
        if item.key in seen:
            raise ListingError(f"source {name!r} listed {item.key!r} twice; nothing was removed. Run it again")
        if ATTACHMENT in item.key and item.locator is None:
            raise ListingError(
                f"source {name!r} listed {item.key!r}, and what is inside a document is called like that; nothing was "
                "removed. Its code should spell such names by penstock.keys.listed_key"
            )
        seen.add(item.key)
        if item.gone:
            gone.add(item.key)
            continue
        # An erased document's key is gone from the catalog; only its id, which derives from the key, finds it.
        found = known.get(item.key) or known.get(document_id(name, item.key))
        below = families.get(found.id, []) if found else []
        _plan_item(name, item, found, below, when_silent, verify, share, keep)
    if reading.whole and not seen and served:
        raise ListingError(
            f"source {name!r} listed nothing, but {len(served)} of its documents are served; nothing was removed. "
            "Check its path, prefix, globs and permissions"
        )
    if reading.whole and not seen and not known:
        raise ListingError(f"source {name!r} listed nothing. Check its path, prefix, globs and permissions")
    shown = seen - gone if gone else seen
    share.counts["listed"] = len(shown)
    for id_, principals in unlisted_access(known, shown, rules).items():
        share.access[id_] = principals
    unshown = {id_: key for id_, key in served.items() if key not in shown}
    share.removed += [id_ for id_, key in unshown.items() if reading.removes or _has_left(key, seen)]
    share.removed += [child.id for id_ in list(share.removed) for child in families.get(id_, ()) if child.in_release]
    if not reading.removes:
        left = set(share.removed)
        _carry(name, {key: known[key] for id_, key in unshown.items() if id_ not in left}, families, share)
        _finish_access(known.values(), share)
    plan.work += share.work
    plan.removed += share.removed
    plan.access |= share.access
    for count, value in share.counts.items():
        plan.counts[count] += value


def _has_left(key: str, seen: Collection[str]) -> bool:
    """Whether a listing of changes says that a document is gone: what it named, it named with all that hangs on it."""
    return key.split(ATTACHMENT, 1)[0] in seen


def _carry(source: str, unnamed: Mapping[str, Known], families: Mapping[str, list[Known]], share: Plan) -> None:
    """Take over what a listing of changes left unsaid, as it was. What another parser refused is tried again."""
    for key, one in unnamed.items():
        refused = (one.quarantined and one.retry) or any(child.retry for child in families.get(one.id, ()))
        if not (refused and one.revision):
            share.counts["carried"] += 1
            continue
        share.counts["listed"] += 1
        share.counts["work"] += 1
        share.work.append(
            Work(
                id=one.id,
                source=source,
                key=key,
                size_bytes=0,
                hint=one.hint,
                principals=tuple(json.loads(one.principals)),
                fields=json.loads(one.entry_fields or "{}"),
                revision=one.revision,
                problem=None,
            )
        )


def _finish_access(known: Iterable[Known], share: Plan) -> None:
    """Carry on a change of access that a run died in the middle of, where no listing brings it up again."""
    for one in known:
        if one.principals_pending and not one.erased:
            share.access.setdefault(one.id, tuple(json.loads(one.principals)))


def _plan_item(
    source: str,
    item: SourceObject,
    known: Known | None,
    below: Sequence[Known],
    when_silent: tuple[str, ...],
    verify: bool,
    share: Plan,
    keep: Callable[[bytes], str],
) -> None:
    decision = decide(item, known, verify)
    if decision in ("unchanged", "quarantined_before") and any(child.retry for child in below):
        decision = "work"
    share.counts[decision] += 1
    if decision == "erased":
        return
    principals = principals_of(item, when_silent)
    for one in [known, *below] if known else []:
        if one is not None and _differs(one, principals):
            share.access[one.id] = principals
    if decision == "work":
        revision = known.revision if known is not None and not verify and item.hint == known.hint else None
        if item.content is not None and item.problem is None:
            revision = keep(item.content)
        share.work.append(
            Work(
                id=document_id(source, item.key),
                source=source,
                key=item.key,
                size_bytes=item.size_bytes,
                hint=item.hint,
                principals=principals,
                fields=dict(item.fields),
                revision=revision,
                problem=item.problem,
                locator=item.locator,
            )
        )
    else:
        share.counts["attachments_carried"] += sum(child.in_release for child in below)


def _differs(known: Known, principals: tuple[str, ...]) -> bool:
    return not known.erased and (known.principals_pending or spelled_principals(principals) != known.principals)


def attachments_of(known: Iterable[Known]) -> dict[str, list[Known]]:
    """Document id → everything attached to it, at any depth, served or not: who may read it reaches them all."""
    direct: dict[str, list[Known]] = {}
    for one in known:
        if one.parent_id:
            direct.setdefault(one.parent_id, []).append(one)

    def below(id_: str) -> list[Known]:
        return [found for child in direct.get(id_, ()) for found in (child, *below(child.id))]

    return {id_: below(id_) for id_ in direct}


def unlisted_access(
    known: Mapping[str, Known], listed: Collection[str], rules: Callable[[str], tuple[str, ...]] | None
) -> dict[str, tuple[str, ...]]:
    """Changes of access to documents that the source no longer lists, where rules of the configuration decide."""
    if rules is None:
        return {}
    gone = {key: one for key, one in known.items() if key not in listed and not one.erased}
    keys = {one.id: key for key, one in known.items()} if gone else {}

    def outermost(key: str) -> str:
        """The key of the document that it is attached to, at whatever depth, or its own."""
        while (parent := known[key].parent_id) and parent in keys:
            key = keys[parent]
        return key

    changes = {}
    for key, one in gone.items():
        outer = outermost(key)
        today = rules(outer)
        if outer not in listed and _differs(one, today):
            changes[one.id] = today
    return changes


def make_plan(
    platform: Platform, index: str, base: int, recipe: Recipe, only: str | None = None, verify: bool = False
) -> Plan:
    """List the sources of ``index`` and compare them with release ``base`` (0: with nothing).

    A source whose listing fails keeps all its documents; its error is in ``plan.errors``.
    """
    plan = Plan()
    settings = platform.settings.index(index)
    parser = parser_fingerprint(recipe.parser)
    kept = cursors.of_release(platform.catalog, index, base)
    keep = _keeper(platform)
    for name in (only,) if only else settings.sources:
        known = known_documents(platform.catalog, index, name, base, parser)
        source = platform.settings.source(name)
        rules = _rules(name, source)
        listed, carried = plan.counts["listed"], plan.counts["carried"]
        try:
            reading = platform.source(name).read(_before(None if verify else kept.get(name), known))
            reading.objects = (
                too_large(item, name, source.max_bytes) for item in _declared(reading.objects, recipe.fields)
            )
            plan_source(name, reading, known, source.when_silent, plan, verify, rules, keep)
        except ListingError as error:
            plan.access |= unlisted_access(known, (), rules)  # who may read needs no listing where rules decide it
            plan.errors.append(error)
            plan.sources[name] = {"error": str(error)}
        except SourceError as error:
            raise ListingError(f"source {name!r}: {error}") from error
        else:
            plan.sources[name] = {"listed": plan.counts["listed"] - listed}
            if not reading.removes:
                plan.sources[name]["carried"] = plan.counts["carried"] - carried
            if reading.cursor is not None:
                plan.sources[name]["cursor"] = dict(reading.cursor)
    plan.work = [_fetched_again(platform, work) for work in plan.work]
    return plan


def _before(cursor: Cursor | None, known: Mapping[str, Known]) -> Before:
    """``None`` as a hint where nothing is known of the bytes."""
    return Before(cursor, lambda key: known[key].hint if key in known and known[key].revision else None)


def _keeper(platform: Platform) -> Callable[[bytes], str]:
    """Keep bytes in the lake, but for those that were erased."""
    buried = lru_cache(maxsize=1)(lambda: graves(platform).bytes)

    def keep(data: bytes) -> str:
        name = sha256(data)
        if buried_name(name) not in buried():
            platform.lake.put_bytes(data)
        return name

    return keep


def _fetched_again(platform: Platform, work: Work) -> Work:
    """The work, with nothing known of its bytes where the lake lost them."""
    if work.revision is None or platform.lake.has(Kind.BYTES, work.revision):
        return work
    return replace(work, revision=None)


def _rules(name: str, settings: SourceBase) -> Callable[[str], tuple[str, ...]] | None:
    """Who may read a key, where nothing but the configuration says it."""
    if settings.access_from != "rules":
        return None
    rules = Rules(name, settings.access)
    return lambda key: rules.principals(key) or settings.when_silent


def _declared(listing: Iterable[SourceObject], fields: Collection[str]) -> Iterable[SourceObject]:
    """Leave out metadata that the index does not declare: a change in it changes nothing here."""
    for item in listing:
        yield replace(item, fields={k: v for k, v in item.fields.items() if k in fields}) if item.fields else item


def known_documents(catalog: Catalog, index: str, source: str, base: int, parser: str) -> dict[str, Known]:
    """Key → what is known, for every document of one source; about 600 bytes a document."""
    at_base = and_(entries.c.document_id == documents.c.id, manifest.in_release(index, base))
    refusing = and_(parses.c.key == entries.c.parse_key, entries.c.reason.is_not(None))
    query = (
        select(documents.c.id, documents.c.key, documents.c.hint, documents.c.revision, documents.c.principals)
        .add_columns(documents.c.fields, documents.c.parent_id, documents.c.erased_at.is_not(None))
        .add_columns(documents.c.problem.is_not(None), documents.c.principals_pending)
        .add_columns(entries.c.id, entries.c.revision, entries.c.fields, entries.c.reason, entries.c.detail)
        .add_columns(entries.c.parse_key, parses.c.parser)
        .select_from(documents.outerjoin(entries, at_base).outerjoin(parses, refusing))
        .where(documents.c.source == source)
    )
    found: dict[str, Known] = {}
    outdated: list[tuple[str, str]] = []  # of what another parser refused: the name of today's parse, and the key
    with catalog.read() as connection:
        for row in connection.execution_options(yield_per=1000).execute(query):
            # Taken apart at once: a hundred thousand rows by attribute cost half a second more.
            id_, key, hint, revision, principals, fields, parent_id, erased, problem, pending, *served = row
            entry, entry_revision, entry_fields, reason, detail, parsed, parsed_by = served
            key = key or id_
            found[key] = Known(
                id_,
                hint,
                revision,
                sys.intern(principals),  # the same few texts a hundred thousand times
                sys.intern(fields),
                parent_id,
                erased,
                revision if entry_revision == revision else entry_revision,
                entry_fields and sys.intern(entry_fields),
                in_release=entry is not None,
                quarantined=reason is not None,
                unseen=(reason, detail) if reason is not None and entry_revision is None else None,
                retry=problem,
                principals_pending=pending,
            )
            if reason is not None and parsed is not None and parsed_by != parser:
                outdated.append((parse_key(entry_revision, key, parser), key))
        refused: set[str] = set()
        for batch in batched({name for name, _key in outdated}):
            known = select(parses.c.key).where(parses.c.key.in_(batch), parses.c.reason.is_not(None))
            refused.update(connection.execute(known).scalars())
    for name, key in outdated:
        if name not in refused:
            found[key] = found[key]._replace(retry=True)
    return found
