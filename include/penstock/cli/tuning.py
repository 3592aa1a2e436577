"""A model out of a training set."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import For, Index, Json, Set, emit, opened, progress_shown

Recipe = Annotated[
    str | None, typer.Option("--recipe", metavar="R", help="A recipe of the configuration; else the built-in one.")
]


@app.command()
def train(index: Index, purpose: For, recipe: Recipe = None, set_id: Set = None, as_json: Json = False) -> None:
    """Tune a model of INDEX on a training set: a challenger.

    Nothing that is served changes. Killed, it goes on from its last checkpoint when it is run again."""
    from penstock import display
    from penstock.promotion import comparing, registry
    from penstock.tuning.running import train as run_train

    with opened() as platform, progress_shown(as_json) as progress:
        if why := comparing.foreseen(platform, index, purpose):
            typer.echo(f"penstock: what is trained now cannot be compared yet: {'; '.join(why)}", err=True)
        try:
            made = run_train(platform, index, purpose, recipe, set_id, progress)
        except KeyboardInterrupt:
            typer.echo("penstock: stopped; the same command goes on from the last checkpoint", err=True)
            raise
        emit(made.to_dict(), as_json, display.trained)
        registry.follow(platform, index)
