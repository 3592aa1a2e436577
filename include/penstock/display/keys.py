"""Keys of the service as people see them."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG

STYLES = {"valid": GOOD, "expired": BAD, "revoked": QUIET}


def key_made(made: dict[str, Any]) -> None:
    """Print a new key, and that this is the one time."""
    until = f"until {wording.when(made['expires_at'])} UTC" if made["expires_at"] else "until it is revoked"
    paper.line(("Key ", ""), (made["name"], STRONG), f" gives {', '.join(made['principals'])}, {until}.")
    paper.blank()
    paper.line(made["key"])
    paper.blank()
    paper.prose(("It is shown this once: only its hash is kept.", QUIET), indent=0)
    paper.hint("send", "Authorization: Bearer KEY")
    paper.hint("end it", f'penstock keys revoke {made["id"]} --why "…"')


def keys(found: list[dict[str, Any]]) -> None:
    """Print every key without its secret."""
    if not found:
        paper.line("There is no key yet.")
        paper.hint("make one", "penstock keys create NAME -p PRINCIPAL")
    for one in found:
        made = f"made {wording.when(one['created_at'])} by {one['created_by']}"
        paper.line(one["id"], "  ", (one["name"], STRONG), "  ", (one["state"], STYLES[one["state"]]), f"  {made}")
        paper.prose((f"gives {', '.join(one['principals'])}{_end(one)}", QUIET), indent=14)


def key_revoked(done: dict[str, Any]) -> None:
    paper.line(f"Key {done['id']} ({done['name']}) opens nothing from {wording.when(done['revoked_at'])} UTC on.")


def _end(one: dict[str, Any]) -> str:
    ends = [one[name] for name in ("expires_at", "revoked_at") if one[name] is not None]
    return f", until {wording.when(min(ends))} UTC" if ends else ""
