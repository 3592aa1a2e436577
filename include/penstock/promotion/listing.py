"""The models of an index, for people: what each is, how it did, and which of them serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.engine import Row

from penstock import manifest, trained
from penstock.platform import Platform
from penstock.promotion import records, refusing
from penstock.purposes import Purpose
from penstock.training.audience import restricted_since


def models(platform: Platform, index: str) -> dict[str, Any]:
    """Champion by purpose (``configured`` where none was trained), then every model, the newest first.

    ``called``: not where the configuration names another base by now than the champion was tuned from.
    ``restricted``: how many documents a model learned that not all of the audience may read any more.
    """
    configured = platform.settings.index(index)
    names = {
        Purpose.EMBEDDER: "hashing" if configured.embedder.backend == "hashing" else configured.embedder.model,
        Purpose.RERANKER: configured.retrieval.rerank.model if configured.retrieval.rerank else None,
        Purpose.GENERATOR: configured.answer.generator.model if configured.answer.generator else None,
    }
    with platform.catalog.read() as connection:
        serving = manifest.champions(connection, index)
        live, _ = manifest.pointer(connection, index)
        compared = records.of_index(connection, index)
        rows = trained.of_index(connection, index)
        restricted = {row.id: len(restricted_since(platform, connection, index, row)) for row in rows}
        undone = records.undone(connection, index)
    uncalled = {row.id for row in rows if row.id in serving.values() and not refusing.serves(platform, index, row)}
    last = {one.challenger: one for one in reversed(compared)}
    return {
        "index": index,
        "live": live,
        "champions": {
            purpose: {
                "trained": serving.get(purpose),
                "configured": name,
                "called": serving.get(purpose) not in uncalled,
            }
            for purpose, name in names.items()
        },
        "models": [
            {
                "model": row.id,
                "purpose": row.purpose,
                "at": row.at,
                "base": row.base,
                "set": row.set_id,
                "size_bytes": row.size_bytes,
                "tracking": row.tracking,
                "tainted": row.tainted,
                "restricted": restricted[row.id],
                "state": _state(row, serving.values(), undone, last),
                "comparison": last[row.id].id if row.id in last else None,
                "gain": last[row.id].report.get("gain") if row.id in last else None,
                "reasons": last[row.id].report.get("reasons", []) if row.id in last else [],
            }
            for row in rows
        ],
    }


def _state(model: Row[Any], serving: Collection[str], undone: set[str], last: Mapping[str, Any]) -> str:
    """``tainted``: something that it learned was erased since, so that the gate lets it through no more."""
    if model.id in serving:
        return "champion"
    if model.tainted:
        return "tainted"
    if model.id in undone:
        return "demoted"
    return f"compared: {last[model.id].outcome}" if model.id in last else "challenger"
