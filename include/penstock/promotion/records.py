"""What the catalog keeps of comparisons and promotions: who was looked at how often, who serves since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.catalog import Catalog
from penstock.catalog.schema import comparisons, promotions
from penstock.errors import RefusedError
from penstock.platform import Platform
from penstock.promotion import looks
from penstock.purposes import Purpose

LOOKING = "not-finished"
"""Outcome of a comparison that saw figures and did not come to its end: its look is spent."""


@dataclass
class Look:
    """One look at the test examples of an index: ``begin`` it right before the first figure is seen.

    ``champion`` is whom the challenger is held against, ``None`` for the configured model. ``number`` is the
    comparison's, ``alpha`` what the look may spend; both are there once it began.
    """

    platform: Platform
    index: str
    purpose: Purpose
    challenger: str
    set_id: str
    champion: str | None
    number: int = 0
    alpha: float = 0.0

    def begin(self) -> float:
        """Write it down, so that a comparison that is killed counts as well; return its alpha.

        Raises ``RefusedError`` where the champion is another by now than the one that was made ready to be asked.
        """
        catalog = self.platform.catalog
        with catalog.write() as connection:
            now = manifest.champions(connection, self.index).get(self.purpose)
            if now != self.champion:
                raise RefusedError(
                    f"the champion of {self.index!r} became {now or 'the configured model'} while {self.purpose} "
                    f"{self.challenger} was made ready to be held against {self.champion or 'the configured model'}: "
                    f"nothing was compared; run `penstock compare {self.index} {self.challenger}` again"
                )
            number = looked(connection, self.index, self.purpose) + 1
            who = self.index, self.purpose, self.challenger, self.set_id
            self.number = _insert(connection, catalog, *who, number, LOOKING, {})
        self.alpha = looks.alpha(number)
        return self.alpha


def looked(connection: Connection, index: str, purpose: Purpose) -> int:
    """How many looks at the test examples of an index were spent."""
    mine = comparisons.c.index_name == index, comparisons.c.purpose == purpose
    query = select(func.count()).where(*mine, comparisons.c.look > 0)
    return int(connection.execute(query).scalar_one())


def unseen(
    connection: Connection,
    catalog: Catalog,
    index: str,
    purpose: Purpose,
    challenger: str,
    set_id: str,
    outcome: str,
    report: Mapping[str, Any],
) -> int:
    """Write down a comparison that ended before anything was looked at: it spends no look."""
    return _insert(connection, catalog, index, purpose, challenger, set_id, 0, outcome, report)


def _insert(
    connection: Connection,
    catalog: Catalog,
    index: str,
    purpose: Purpose,
    challenger: str,
    set_id: str,
    look: int,
    outcome: str,
    report: Mapping[str, Any],
) -> int:
    values = {
        "index_name": index,
        "purpose": purpose,
        "at": catalog.now(connection),
        "challenger": challenger,
        "champion": manifest.champions(connection, index).get(purpose),
        "set_id": set_id,
        "look": look,
        "release": None,
        "outcome": outcome,
        "report": dict(report),
    }
    return int(connection.execute(insert(comparisons).values(**values).returning(comparisons.c.id)).scalar_one())


def end(connection: Connection, id_: int, outcome: str, report: Mapping[str, Any], release: int | None) -> None:
    values = {"outcome": outcome, "report": dict(report), "release": release}
    connection.execute(update(comparisons).where(comparisons.c.id == id_).values(**values))


def last_comparison(connection: Connection, index: str, challenger: str) -> Row[Any] | None:
    query = select(comparisons).where(comparisons.c.index_name == index, comparisons.c.challenger == challenger)
    return connection.execute(query.order_by(comparisons.c.id.desc()).limit(1)).one_or_none()


def of_index(connection: Connection, index: str) -> list[Row[Any]]:
    """Every comparison of an index, the newest first."""
    query = select(comparisons).where(comparisons.c.index_name == index)
    return list(connection.execute(query.order_by(comparisons.c.id.desc())))


def in_force(connection: Connection, index: str, purpose: Purpose | None = None) -> Row[Any] | None:
    """The newest promotion that was not undone."""
    query = select(promotions).where(promotions.c.index_name == index, promotions.c.undone_at.is_(None))
    if purpose is not None:
        query = query.where(promotions.c.purpose == purpose)
    return connection.execute(query.order_by(promotions.c.id.desc()).limit(1)).one_or_none()


def promotion_of(connection: Connection, index: str, model: str) -> Row[Any] | None:
    """The last promotion of a model."""
    query = select(promotions).where(promotions.c.index_name == index, promotions.c.model == model)
    return connection.execute(query.order_by(promotions.c.id.desc()).limit(1)).one_or_none()


def undone(connection: Connection, index: str) -> set[str]:
    """Models that were promoted once and demoted since."""
    mine = promotions.c.index_name == index, promotions.c.undone_at.is_not(None)
    return set(connection.execute(select(promotions.c.model).where(*mine)).scalars())


def needed_releases(connection: Connection, index: str) -> set[int]:
    """Releases that a demotion would go back to: they are kept."""
    found = (in_force(connection, index, purpose) for purpose in Purpose)
    return {int(row.before_release) for row in found if row is not None}
