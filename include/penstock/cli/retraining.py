"""From feedback to a model that serves, in one go."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import Index, Json, emit, opened, progress_shown, who
from penstock.purposes import Purpose


@app.command()
def retrain(
    index: Index,
    purpose: Annotated[
        Purpose | None, typer.Option("--for", help="Which model; left out: the one that would answer most complaints.")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Promote what passes the gate; else it waits for `penstock promote`.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a better model of feedback, or say why there is none.

    Triage, training set, training, comparison, gate. Nothing to train, or nothing better, ends with exit code 0."""
    from penstock import display, retraining

    with opened() as platform, progress_shown(as_json) as progress:
        report = retraining.retrain(platform, index, purpose, who(), auto, progress)
        found = retraining.told(platform, report.id)
    emit(report.to_dict() | found, as_json, lambda _: display.retrained(report, found))
    raise typer.Exit(report.exit_code)
