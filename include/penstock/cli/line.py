"""The line from documents to releases, and back from one release to another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import (
    Index,
    Json,
    Release,
    Wait,
    Why,
    emit,
    ended,
    opened,
    progress_shown,
    who,
    write_page,
)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")], as_json: Json = False
) -> None:
    """Write a runnable project configuration into DIR."""
    from penstock import display, starter

    emit(starter.write(directory), as_json, display.started)


@app.command()
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the configuration.")],
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many documents.")] = 5,
    as_json: Json = False,
) -> None:
    """Show how a few documents would be parsed; nothing is kept."""
    from penstock import display
    from penstock.previewing import preview as run_preview

    with opened() as platform:
        emit(run_preview(platform, source, n), as_json, display.previews)


@app.command()
def plan(
    index: Index,
    source: Annotated[str | None, typer.Option("--source", help="Look at this source only.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Fetch everything, trust no hint.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Say what a sync would do: documents, texts to embed, tokens.

    Fetches and parses what changed, so that the next sync need not; embeds and publishes nothing."""
    from penstock import display
    from penstock.previewing import plan as run_plan

    with opened() as platform:
        with progress_shown(as_json) as progress:
            found = run_plan(platform, index, source, verify, wait, progress)
        emit(found, as_json, display.plan)


@app.command()
def sync(
    index: Index,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Fetch everything, trust no hint.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Bring INDEX up to date; publish where every gate passes."""
    from penstock.sync import sync as run_sync

    with opened() as platform, progress_shown(as_json) as progress:
        report = run_sync(platform, index, source, verify, wait, progress)
    ended(report, as_json)


@app.command()
def reindex(index: Index, wait: Wait = 0.0, as_json: Json = False) -> None:
    """Rebuild INDEX under today's configuration, gate, switch."""
    from penstock.promotion import registry
    from penstock.sync import reindex as run_reindex

    with opened() as platform, progress_shown(as_json) as progress:
        report = run_reindex(platform, index, wait, progress)
        registry.follow(platform, index)
    ended(report, as_json)


@app.command()
def releases(index: Index, as_json: Json = False) -> None:
    """List the releases of INDEX, the newest first."""
    from penstock import display, inspection

    with opened() as platform:
        emit(inspection.list_releases(platform, index), as_json, display.releases)


@app.command()
def diff(
    index: Index,
    a: Annotated[int, typer.Argument(metavar="A")],
    b: Annotated[int, typer.Argument(metavar="B")],
    as_json: Json = False,
) -> None:
    """Show what changed from release A to release B."""
    from penstock import display, inspection

    with opened() as platform:
        emit(inspection.diff(platform, index, a, b), as_json, display.diff)


@app.command()
def rollback(
    index: Index,
    why: Why,
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="The release to go back to.")] = None,
    as_json: Json = False,
) -> None:
    """Make an earlier release live again and put INDEX on hold."""
    from penstock import display, release
    from penstock.promotion import registry

    with opened() as platform:
        emit(asdict(release.rollback(platform, index, who(), why, to)), as_json, display.moved)
        registry.follow(platform, index)


@app.command()
def resume(index: Index, why: Why, as_json: Json = False) -> None:
    """End a hold and follow the newest release again."""
    from penstock import display, release
    from penstock.promotion import registry

    with opened() as platform:
        emit(asdict(release.resume(platform, index, who(), why)), as_json, display.moved)
        registry.follow(platform, index)


@app.command()
def approve(index: Index, n: Release, why: Why, as_json: Json = False) -> None:
    """Publish a release that a gate refused, by your word."""
    from penstock import display, release
    from penstock.promotion import registry

    with opened() as platform:
        emit(asdict(release.approve(platform, index, n, who(), why)), as_json, display.moved)
        registry.follow(platform, index)


@app.command()
def reject(index: Index, n: Release, why: Why, as_json: Json = False) -> None:
    """Refuse a release that waits; nobody will ever see it."""
    from penstock import display, release

    with opened() as platform:
        emit(asdict(release.reject(platform, index, n, who(), why)), as_json, display.moved)


@app.command()
def report(
    index: Index,
    n: Release,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write the page.")] = Path("report.html"),
    as_json: Json = False,
) -> None:
    """Write the HTML report of a release.

    Its gates with their figures, and the run that made it."""
    from penstock import display, reports

    with opened() as platform:
        write_page(out, reports.release_report_html(platform, index, n))
        emit({"report": str(out)}, as_json, display.tree)
