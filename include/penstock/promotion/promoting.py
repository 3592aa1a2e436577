"""Promote and demote: one transaction moves the model and the release that it needs, and neither without the other."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row

from penstock import champions, decisions, manifest, release, trained
from penstock.catalog.schema import decisions as decisions_table
from penstock.catalog.schema import gates, promotions
from penstock.decisions import Who
from penstock.errors import OvertakenError, RefusedError, UsageError
from penstock.platform import Platform
from penstock.promotion import records, refusing
from penstock.promotion.gate import Outcome
from penstock.purposes import Purpose
from penstock.release import PROMOTION, Moved
from penstock.training import sets


def promote(platform: Platform, index: str, challenger: str, who: Who, why: str, override: bool = False) -> Moved:
    """Make a challenger the champion; an embedder together with the release that it was judged on.

    ``override``: also where the gate kept the champion, or something that it learned was erased or restricted since,
    by a person's word. Raises ``RefusedError`` where there is no comparison that says so, where it is of another
    champion or test set than today's, where the configuration names another base by now, so that it would not be
    called, or where somebody was faster; ``OvertakenError`` where a sync
    superseded its release; ``UsageError`` for a blank reason, a model that is no challenger, or a generator without a
    server; ``StoreError`` where the lake has not all of a model that is served from there.
    """
    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.read() as connection:
        model = trained.model_row(connection, index, challenger)
        compared = judged(connection, index, model, override)
    refusing.require_served(platform, index, model, "nothing was promoted")
    if model.purpose != Purpose.GENERATOR:  # that one is served by another server, from files of its own
        refusing.require_whole(platform, model)
    if compared.release is not None:
        release.reconcile(platform, index, compared.release)
    with catalog.write() as connection:
        compared = judged(connection, index, model, override)
        if not override:
            refusing.require_for_all(platform, connection, index, model, "nothing was promoted")
        before = manifest.champions(connection, index)
        live, _ = manifest.pointer(connection, index)
        if live is None:
            raise RefusedError(f"index {index!r} has no live release for a model to serve")
        target: int = live
        on_hold: bool | None = None
        if compared.release is not None:
            target, on_hold = compared.release, False
            release.advance(connection, catalog, index, target, (manifest.WAITING,), manifest.PUBLISHED)
            _pass_gate(connection, index, target, who)
        release.point(connection, catalog, index, target, on_hold, {**before, model.purpose: model.id})
        decision = decisions.record(connection, catalog, who, "promote", _reason(model, why), index, target)
        values = {
            "index_name": index,
            "purpose": model.purpose,
            "model": model.id,
            "comparison": compared.id,
            "release": target,
            "before_release": live,
            "before_models": before,
            "at": catalog.now(connection),
            "decision_id": decision,
        }
        connection.execute(insert(promotions).values(**values))
    release.name_live(platform, index)
    serves = (
        f"{model.purpose} {model.id} serves {index}, with release {target}, promoted by {who.name}{_although(compared)}"
    )
    return Moved(index, live, target, serves)


def demote(platform: Platform, index: str, who: Who, why: str, purpose: Purpose | None = None) -> Moved:
    """Take the model that was promoted last (for ``purpose``) out of service: the pair before it serves again, at once.

    Where that moves the release, the index is on hold until ``resume``, and what is built from then on is built by the
    model before. Raises ``UsageError`` where no promotion is in force, or the release before it is not kept.
    """
    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.write() as connection:
        promoted = records.in_force(connection, index, purpose)
        if promoted is None:
            what = f"no {purpose} that was trained" if purpose else "no model that was trained"
            raise UsageError(f"{what} here serves {index!r}; `penstock models {index}` lists them")
        live, _ = manifest.pointer(connection, index)
        target, on_hold = _release_before(connection, index, promoted, live)
        models = _champions_before(connection, index, promoted)
        out_already = manifest.champions(connection, index).get(promoted.purpose) != promoted.model
        release.point(connection, catalog, index, target, on_hold, models)
        decisions.record(connection, catalog, who, "demote", _reason(promoted, why), index, target)
        undone = {"undone_at": catalog.now(connection)}
        connection.execute(update(promotions).where(promotions.c.id == promoted.id).values(**undone))
    release.name_live(platform, index)
    before = models.get(promoted.purpose)
    again = f"{promoted.purpose} {before}" if before else f"the {promoted.purpose} of the configuration"
    if out_already:
        said = f"the promotion of {promoted.purpose} {promoted.model} is undone; it did not serve {index} any more"
        return Moved(index, live, target, f"{said}: {again} does, with release {target}")
    held = "; syncs publish nothing until `resume`" if on_hold else ""
    return Moved(index, live, target, f"{again} serves {index} again, with release {target}{held}")


def judged(connection: Connection, index: str, model: Row[Any], override: bool = False) -> Row[Any]:
    """The comparison that a promotion rests on. Raises ``RefusedError`` naming what stands in the way."""
    purpose, again = Purpose(model.purpose), f"run `penstock compare {index} {model.id}`"
    champion = manifest.champions(connection, index).get(purpose)
    if champion == model.id:
        raise RefusedError(f"{purpose} {model.id} serves {index!r} already{_by_whom(connection, index, model.id)}")
    if model.tainted and not override:
        raise RefusedError(
            f"something that {purpose} {model.id} was trained on was erased since (decision {model.tainted[-1]}); "
            "train another without it, or --override"
        )
    compared = records.last_comparison(connection, index, model.id)
    if compared is None or compared.outcome == records.LOOKING:
        raise RefusedError(f"{purpose} {model.id} was not compared with the champion of {index!r}; {again}")
    if compared.outcome != Outcome.PROMOTE and (not override or _without_release(compared)):
        remedy = "--override by --why"
        if _without_release(compared):
            mend = f"mend that, then {again}" if compared.outcome == Outcome.TOO_FEW else "train another"
            remedy = f"it built no release to go live with, so --override cannot help; {mend}"
        raise RefusedError(f"comparison {compared.id} keeps the champion of {index!r} ({_reasons(compared)}); {remedy}")
    if compared.champion != champion:
        raise RefusedError(
            f"comparison {compared.id} was with {compared.champion or 'the configured model'}, and the champion of "
            f"{index!r} is {champion or 'the configured model'} now; {again}"
        )
    used = select(promotions.c.id).where(promotions.c.comparison == compared.id)
    if connection.execute(used.limit(1)).one_or_none() is not None:
        raise RefusedError(f"comparison {compared.id} led to a promotion before, which was undone; {again}")
    there = [row.id for row in sets.of_index(connection, index, purpose)]
    if compared.set_id not in there:
        raise RefusedError(f"comparison {compared.id} was on set {compared.set_id}, which was dropped; {again}")
    if there[0] != compared.set_id:
        raise RefusedError(f"comparison {compared.id} was on set {compared.set_id}, and {there[0]} is newer; {again}")
    if purpose is Purpose.EMBEDDER:
        _still_waits(connection, index, compared, again)
    return compared


def hindrance(connection: Connection, index: str, model: str) -> RefusedError | None:
    """What stands in the way of promoting a model of the index now; ``None`` where nothing does."""
    try:
        judged(connection, index, trained.model_row(connection, index, model))
    except RefusedError as error:
        return error
    return None


def _reasons(compared: Row[Any]) -> str:
    return "; ".join(compared.report.get("reasons", ()))


def _without_release(compared: Row[Any]) -> bool:
    """Whether the comparison of an embedder ended before a release was built: there is none that could go live."""
    return bool(compared.purpose == Purpose.EMBEDDER and compared.release is None)


def _although(compared: Row[Any]) -> str:
    """What a person overrode, to be read where the promotion is told."""
    if compared.outcome == Outcome.PROMOTE:
        return ""
    what = "kept the champion"
    if compared.outcome == Outcome.TOO_FEW:
        what = "had too few examples" if "gain" in compared.report else "had too few examples: it was never measured"
    return f", although comparison {compared.id} {what} ({_reasons(compared)})"


def _still_waits(connection: Connection, index: str, compared: Row[Any], again: str) -> None:
    row = manifest.release_row(connection, index, compared.release)
    if row.state != manifest.WAITING:
        raise OvertakenError(
            f"release {row.number} of {index!r}, which {compared.challenger} was judged on, is {row.state} by now; "
            f"{again} (what it embedded is kept)"
        )


def _by_whom(connection: Connection, index: str, model: str) -> str:
    query = (
        select(decisions_table.c.who, decisions_table.c.why)
        .join(promotions, promotions.c.decision_id == decisions_table.c.id)
        .where(promotions.c.index_name == index, promotions.c.model == model, promotions.c.undone_at.is_(None))
    )
    row = connection.execute(query.order_by(promotions.c.id.desc()).limit(1)).one_or_none()
    return f": promoted by {row.who} ({row.why})" if row else ""


def _pass_gate(connection: Connection, index: str, number: int, who: Who) -> None:
    mine = gates.c.index_name == index, gates.c.release == number, gates.c.name == PROMOTION
    connection.execute(update(gates).where(*mine).values(passed=True, meaning=f"promoted by {who.name}"))


def _release_before(
    connection: Connection, index: str, promoted: Row[Any], live: int | None
) -> tuple[int, bool | None]:
    """Which release to go back to, and whether that puts the index on hold: only an embedder's moves."""
    if live is None:
        raise UsageError(f"index {index!r} has no live release")
    moved = promoted.purpose == Purpose.EMBEDDER
    if not moved or champions.trained_embedder(connection, index, live) != promoted.model:
        return live, None
    row = manifest.release_row(connection, index, promoted.before_release)
    if row.state not in manifest.KEPT:
        raise UsageError(f"release {row.number} of {index!r}, before {promoted.model}, is {row.state}; nothing moved")
    return int(row.number), True


def _champions_before(connection: Connection, index: str, promoted: Row[Any]) -> dict[str, str]:
    """Today's champions, but for the one purpose those before."""
    others = {name: id_ for name, id_ in manifest.champions(connection, index).items() if name != promoted.purpose}
    before = promoted.before_models.get(promoted.purpose)
    return others | ({promoted.purpose: before} if before else {})


def _reason(model: Row[Any], why: str) -> str:
    id_ = model.id if hasattr(model, "set_id") else model.model
    return f"{model.purpose} {id_}: {why}"
