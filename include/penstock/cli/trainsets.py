"""What models are tuned on: training sets, made, listed, shown and written out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.app import trainset
from penstock.cli.parts import For, Index, Json, Set, Since, Why, emit, opened, progress_shown, who


@trainset.command("build")
def trainset_build(
    index: Index,
    purpose: For,
    since: Since = None,
    guard: Annotated[
        list[Path] | None,
        typer.Option(
            "--guard", metavar="PATH", help="Questions that must not be learned: a BEIR folder, or a file; repeatable."
        ),
    ] = None,
    drop_leaks: Annotated[bool, typer.Option("--drop-leaks", help="Leave out what would be learned of them.")] = False,
    as_json: Json = False,
) -> None:
    """Freeze examples of what people said, split for ever.

    The golden questions of the index are always guarded; a set that would teach them is refused."""
    from penstock import display
    from penstock.moments import parse_since
    from penstock.training import building, sets

    options = building.Options(parse_since(since), tuple(guard or ()), drop_leaks)
    with opened() as platform:
        with progress_shown(as_json) as progress:
            made = building.build(platform, index, purpose, options, progress)
        emit(sets.summary(made), as_json, display.training_set)


@trainset.command("list")
def trainset_list(index: Index, as_json: Json = False) -> None:
    """List the sets of an index, the newest first."""
    from penstock import display
    from penstock.training import sets

    with opened() as platform:
        emit(sets.listed(platform, index), as_json, display.training_sets)


@trainset.command("show")
def trainset_show(index: Index, purpose: For, set_id: Set = None, as_json: Json = False) -> None:
    """Show the data card of a set, and three of its examples."""
    from penstock import display
    from penstock.training import sets

    with opened() as platform:
        found = sets.named(platform, index, purpose, set_id)
        emit(sets.summary(found) | {"shown": sets.shown(found)}, as_json, display.training_set)


@trainset.command("export")
def trainset_export(
    index: Index,
    purpose: For,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="PATH", help="A file for chat, a folder for hf.")],
    form: Annotated[str, typer.Option("--format", metavar="chat|hf", help="JSON lines, or a Hugging Face dataset.")],
    set_id: Set = None,
    as_json: Json = False,
) -> None:
    """Write a set for other tools. What is erased later stays in the files."""
    from penstock import display
    from penstock.training import exporting, sets
    from penstock.training.audience import require_for_all

    with opened() as platform:
        found = sets.named(platform, index, purpose, set_id)
        require_for_all(platform, index, found.purpose, found.id)
    emit(exporting.export(found, form, out), as_json, display.tree)


@trainset.command("drop")
def trainset_drop(
    index: Index,
    set_id: Annotated[str, typer.Argument(metavar="SET", help="As `list` shows it.")],
    why: Why,
    as_json: Json = False,
) -> None:
    """Drop a set that no model was trained on; `prune` deletes its file.

    The splits of its questions stay: no example ever moves."""
    from penstock import display
    from penstock.training import dropping

    with opened() as platform:
        emit(dropping.drop(platform, index, set_id, who(), why), as_json, display.training_set_dropped)
