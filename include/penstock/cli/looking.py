"""What there is, where it came from, and whether it is well."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from penstock.cli.app import app, quarantine
from penstock.cli.parts import Index, Json, emit, opened


@app.command()
def status(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]", help="All indexes unless named.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is live, how fresh each source is, and what waits."""
    from penstock import display, inspection

    with opened() as platform:
        emit(inspection.status(platform, index), as_json, display.status)


@app.command()
def explain(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    as_json: Json = False,
) -> None:
    """Say why a document is or is not served, with its history."""
    from penstock import display, provenance

    with opened() as platform:
        emit(provenance.explain(platform, source, key), as_json, display.explanation)


@app.command()
def trace(chunk_id: Annotated[str, typer.Argument(metavar="CHUNK_ID")], as_json: Json = False) -> None:
    """Follow a chunk back to its bytes, parser, model and run."""
    from penstock import display, provenance

    with opened() as platform:
        emit(provenance.trace(platform, chunk_id), as_json, display.tree)


@app.command()
def log(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who decided what, when and why."""
    from penstock import display, inspection

    with opened() as platform:
        emit(inspection.log(platform, index, limit), as_json, display.decisions)


@quarantine.command("list")
def quarantine_list(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]")] = None, as_json: Json = False
) -> None:
    """List the documents in quarantine, with typed reasons."""
    from penstock import display, provenance

    with opened() as platform:
        emit(provenance.quarantine(platform, index), as_json, display.quarantine)


@quarantine.command("show")
def quarantine_show(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    as_json: Json = False,
) -> None:
    """Show why one document waits, and what to do about it."""
    from penstock import display, provenance

    with opened() as platform:
        emit(provenance.quarantined(platform, source, key), as_json, display.tree)


@quarantine.command("retry")
def quarantine_retry(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]")] = None,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]")] = None,
    as_json: Json = False,
) -> None:
    """Have the next sync try quarantined documents again."""
    from penstock import display, maintenance, provenance

    with opened() as platform:
        if source is not None and key is not None:
            provenance.find_document(platform, source, key)
        elif source is not None:
            platform.settings.source(source)
        count = maintenance.retry_quarantined(platform, source, key)
        emit({"to_retry": count}, as_json, display.retried)


@app.command()
def verify(index: Index, as_json: Json = False) -> None:
    """Read and compare everything; exit 3 where anything differs."""
    from penstock import display, maintenance

    with opened() as platform:
        findings = [one.to_dict() for one in maintenance.verify(platform, index)]
        emit({"index": index, "findings": findings}, as_json, display.findings)
        raise typer.Exit(3 if findings else 0)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check configuration, stores, models, parsers and sources."""
    from penstock import display
    from penstock.checkup import examine

    checks = [asdict(check) for check in examine()]
    emit(checks, as_json, display.checks)
    raise typer.Exit(3 if any(check["state"] == "bad" for check in checks) else 0)
