"""What a person is shown of a run or a release: the question of an approval, and one self-contained HTML report."""

from __future__ import annotations

from penstock import manifest, quality
from penstock.platform import Platform
from penstock.quality import Gate


def question(platform: Platform, index: str, number: int) -> dict[str, str]:
    """Subject and body (Markdown) of the approval of a refused release: what failed, and every gate's figures."""
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        live, _ = manifest.pointer(connection, index)
        gates = quality.verdicts(connection, index, number)
    failed = [gate for gate in gates if not gate.passed]
    lines = [
        f"Release **{number}** of **{index}** was refused by {len(failed)} of {len(gates)} gates and waits, unseen. "
        f"Readers stay on release {live or 'none'} until somebody decides.",
        "",
        f"It holds {row.documents} documents in {row.chunks} chunks, {row.quarantined} more are in quarantine. "
        f"Against release {row.base or 'none'}: {_changes(row.delta)}.",
        "",
        "| gate | verdict | observed | allowed | what it means |",
        "|---|---|---|---|---|",
        *map(_gate_line, gates),
        "",
        "Approve to publish it, reject to discard it. **Say why**: without a reason nothing is decided, and you are "
        "asked again.",
    ]
    names = ", ".join(gate.name for gate in failed)
    return {"subject": f"Publish release {number} of {index}? Refused by: {names}", "body": "\n".join(lines)}


def _changes(delta: dict[str, int]) -> str:
    names = ("new", "changed", "removed", "quarantined", "deferred")
    return ", ".join(f"{delta[name]} {name}" for name in names if delta.get(name)) or "no document differs"


def _gate_line(gate: Gate) -> str:
    cells = (gate.name, "passed" if gate.passed else "**refused**", gate.observed, gate.limit, gate.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
