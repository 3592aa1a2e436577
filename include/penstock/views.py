"""What the pages show, as plain data: one call a page. Reads only."""

from __future__ import annotations

from typing import Any

from penstock import inspection, manifest, provenance, quality, runs
from penstock.platform import Platform
from penstock.standing import today


def home(platform: Platform, recent: int = 12) -> dict[str, Any]:
    """Indexes with their sources, what waits for a person, the quarantine, the last runs with their gates."""
    indexes = [_with_gates(platform, status) for status in inspection.status(platform)]
    return {
        "indexes": indexes,
        "waiting": [one for one in indexes if one["waiting"] and not one["waiting"]["hindrance"]],
        "quarantine": provenance.quarantine(platform),
        "runs": [_with_verdicts(platform, report) for report in runs.recent(platform, limit=recent)],
        "decisions": inspection.log(platform, limit=8),
    }


def _with_gates(platform: Platform, status: dict[str, Any]) -> dict[str, Any]:
    waiting = status["waiting"]
    if not waiting:
        return {**status, "failed": []}
    with platform.catalog.read() as connection:
        gates = quality.verdicts(connection, status["index"], waiting["release"])
        since = manifest.release_row(connection, status["index"], waiting["release"]).created_at
    return {**status, "failed": [gate for gate in gates if not gate.passed], "waiting_since": since}


def _with_verdicts(platform: Platform, report: runs.RunReport) -> dict[str, Any]:
    gates = []
    if report.release is not None and report.state != runs.UNCHANGED:
        with platform.catalog.read() as connection:
            gates = quality.verdicts(connection, report.index, report.release)
    return {
        **today(platform, report),
        "passed": sum(gate.passed for gate in gates),
        "gates": len(gates),
        "refused_by": [gate.name for gate in gates if not gate.passed],
    }


def newest_run(platform: Platform, external: str) -> int | None:
    """The last run that the orchestrator's run began."""
    from penstock.steps import runs_of

    return max(runs_of(platform, external), default=None)
