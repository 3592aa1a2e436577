"""How a run stands today: its row says how it ended, and what it left waiting may have been decided since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from penstock import champions, manifest, runs
from penstock.catalog.schema import decisions
from penstock.catalog.schema import runs as runs_table
from penstock.errors import OvertakenError
from penstock.platform import Platform
from penstock.promotion import promoting, records
from penstock.runs import RunReport

State = tuple[str, str]
"""State and message."""


def standing(platform: Platform, run: RunReport) -> State:
    """State and message of a run as they stand today."""
    if run.state not in (runs.WAITING, runs.HELD):
        return run.state, run.message
    with platform.catalog.read() as connection:
        if run.kind == runs.OWN_TURN:
            found = _of_a_retraining(connection, run)
        elif run.release is not None:
            found = _of_a_release(connection, run, run.release)
        else:
            found = None
    return found or (run.state, run.message)


def today(platform: Platform, run: RunReport) -> dict[str, Any]:
    """A run's report, with what became since of what it left waiting."""
    state, message = standing(platform, run)
    return {**run.to_dict(), "state": state, "message": message}


def _of_a_release(connection: Connection, run: RunReport, number: int) -> State | None:
    """What became of the release that a run staged; ``None`` where it is still to be decided."""
    row = manifest.release_row(connection, run.index, number)
    challenger = champions.trained_embedder(connection, run.index, number) if run.kind == runs.COMPARE else None
    if row.run_id != run.id:
        return None
    if row.state in manifest.PENDING:
        why = promoting.hindrance(connection, run.index, challenger) if challenger else None
        return (runs.REFUSED, f"release {number}, built by {challenger}, is not promoted: {why}") if why else None
    if challenger is not None:
        return _of_a_challenger(connection, run, row, challenger)
    before = "was refused by its gates, then" if run.state == runs.WAITING else "was held, then"
    what = decisions.c.index_name == run.index, decisions.c.release == number
    query = select(decisions).where(*what, decisions.c.what.in_(("approve", "reject")))
    said = connection.execute(query.order_by(decisions.c.id.desc()).limit(1)).one_or_none()
    by = f" by {said.who}: {said.why}" if said else ""
    return row.state, f"release {number} {before} {row.state}{by}"


def _of_a_challenger(connection: Connection, run: RunReport, row: Row[object], model: str) -> State:
    promoted = records.promotion_of(connection, run.index, model)
    if promoted is not None and promoted.release == row.number:
        return _promoted(connection, promoted)
    return row.state, (
        f"release {row.number}, built by {model} for a comparison, is {row.state} and was not promoted; "
        f"`penstock compare {run.index} {model}` builds another"
    )


def _of_a_retraining(connection: Connection, run: RunReport) -> State | None:
    """Its challenger may have been promoted by hand since, or cannot be any more."""
    facts = connection.execute(select(runs_table.c.options).where(runs_table.c.id == run.id)).scalar_one()
    promoted = records.promotion_of(connection, run.index, facts["model"])
    if promoted is not None and promoted.at >= run.started_at:
        return _promoted(connection, promoted)
    why = promoting.hindrance(connection, run.index, facts["model"])
    if why is None:
        return None
    if isinstance(why, OvertakenError):
        return run.state, f"{run.message}; {why}. An approval in Airflow does that by itself"
    return runs.REFUSED, f"model {facts['model']} passed the gate, and cannot be promoted any more: {why}"


def _promoted(connection: Connection, promoted: Row[object]) -> State:
    said = connection.execute(select(decisions).where(decisions.c.id == promoted.decision_id)).one()
    since = ", and demoted since" if promoted.undone_at is not None else ""
    model = f"{promoted.purpose} {promoted.model}"
    why = said.why.removeprefix(f"{model}: ")
    return runs.PROMOTED, f"{model} was promoted with release {promoted.release} by {said.who}: {why}{since}"
