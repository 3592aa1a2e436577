"""What takes things away, or elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import Index, Json, Wait, Why, emit, opened, who


@app.command()
def prune(
    index: Index,
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="How many of the newest releases stay.")],
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Forget old releases and sweep what nothing names any more."""
    from penstock import display, maintenance

    with opened() as platform:
        emit(maintenance.prune(platform, index, keep, wait), as_json, display.tree)


@app.command()
def erase(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    why: Why,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Forget a document for good, in every release.

    Prints a certificate that holds no content."""
    from penstock import display, erasure

    with opened() as platform:
        emit(erasure.erase(platform, source, key, who(), why, wait), as_json, display.tree)


@app.command()
def move(
    index: Index,
    to: Annotated[str | None, typer.Option("--to", metavar="STORE", help="As store.index: weaviate, a folder.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="STORE", help="The configured one by default.")] = None,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Delete what an earlier move left behind.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Copy INDEX to another store, with no re-embedding.

    Compared by count and digest; then set store.index. The old copy stays until --drop-old."""
    from penstock import display, moving
    from penstock.errors import UsageError

    if drop_old == (to is not None):
        raise UsageError("name either --to STORE or --drop-old")
    with opened() as platform:
        done = moving.move(platform, index, to, from_, wait) if to else moving.drop_moved(platform, index, wait)
        emit(done, as_json, display.tree)
