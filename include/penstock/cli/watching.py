"""How an index does from day to day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import Index, Json, Since, emit, opened, write_page


@app.command()
def monitor(
    index: Index,
    since: Since = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Look at the whole days before; by default today.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write an HTML page.")] = None,
    as_json: Json = False,
) -> None:
    """Compare the last days with those before.

    Ratings, refusals, scores and what is asked; after a promotion, its ratings.
    The exit code is 1 where a limit was passed."""
    from penstock import display
    from penstock.moments import parse_moment, parse_since
    from penstock.monitoring import watch

    with opened() as platform:
        found = watch(platform, index, parse_since(since), parse_moment(until)).to_dict()
    if out is not None:
        from penstock.monitoring.page import page

        write_page(out, page(found))
    emit(found, as_json, display.watched)
    raise typer.Exit(1 if found["alarms"] else 0)
