"""Challengers and champions: compare, promote, demote."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import Index, Json, Wait, Why, emit, opened, progress_shown, who
from penstock.purposes import Purpose

Challenger = Annotated[str, typer.Argument(metavar="CHALLENGER", help="A model's id, or how it begins.")]


@app.command()
def compare(
    index: Index,
    challenger: Challenger,
    override: Annotated[
        bool, typer.Option("--override", help="Although something that it learned was erased or restricted.")
    ] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Hold CHALLENGER against the champion on unseen examples.

    Exit 0 where it may be promoted, 1 where the champion stays. Each comparison is a look at the test examples, and
    makes the next one need more."""
    from penstock import display
    from penstock.promotion import registry
    from penstock.promotion.comparing import compare as run_compare

    with opened() as platform:
        with progress_shown(as_json) as progress:
            found = run_compare(platform, index, challenger, progress, wait, override)
        emit(found.to_dict(), as_json, display.compared)
        registry.follow(platform, index)
    raise typer.Exit(found.exit_code)


@app.command()
def promote(
    index: Index,
    challenger: Challenger,
    why: Why,
    override: Annotated[
        bool, typer.Option("--override", help="Although the gate, or what it learned, forbids.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make CHALLENGER the champion, with the release it needs."""
    from penstock import display
    from penstock.promotion import registry
    from penstock.promotion.promoting import promote as run_promote

    with opened() as platform:
        emit(asdict(run_promote(platform, index, challenger, who(), why, override)), as_json, display.moved)
        registry.follow(platform, index)


@app.command()
def demote(
    index: Index,
    why: Why,
    purpose: Annotated[Purpose | None, typer.Option("--for", help="Which; by default the last one promoted.")] = None,
    as_json: Json = False,
) -> None:
    """Go back to the model and the release before, at once."""
    from penstock import display
    from penstock.promotion import registry
    from penstock.promotion.promoting import demote as run_demote

    with opened() as platform:
        emit(asdict(run_demote(platform, index, who(), why, purpose)), as_json, display.moved)
        registry.follow(platform, index)


@app.command()
def models(
    index: Index,
    sync: Annotated[bool, typer.Option("--sync", help="Have MLflow's registry follow the catalog.")] = False,
    as_json: Json = False,
) -> None:
    """List the models tuned for INDEX, and which serve."""
    from penstock import display
    from penstock.promotion import listing, registry

    with opened() as platform:
        if sync:
            registry.write(platform, index)
        emit(listing.models(platform, index), as_json, display.models)
