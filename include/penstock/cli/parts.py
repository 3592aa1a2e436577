"""What commands share: their options, an opened installation, and what they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.purposes import Purpose

if TYPE_CHECKING:
    from penstock.decisions import Who
    from penstock.platform import Platform
    from penstock.progress import Progress
    from penstock.runs import RunReport

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Index = Annotated[str, typer.Argument(metavar="INDEX", help="An index of the configuration.")]
For = Annotated[Purpose, typer.Option("--for", help="What the model is for.")]
Release = Annotated[int, typer.Argument(metavar="N", help="A release's number.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FILTER",
        help="Only these: FIELD=VALUE, or such as \"year >= 2024 and tags in ('a', 'b')\"; repeatable, all must hold.",
    ),
]
Why = Annotated[str, typer.Option("--why", help="The reason, kept in the log for ever.")]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0, max=1e6, help="Wait so long for another writer's turn to end."),
]
Since = Annotated[str | None, typer.Option("--since", metavar="WHEN", help="2026-05-01, or 30d: so many days ago.")]


def _named(set_id: str | None) -> str | None:
    if set_id is not None and not set_id.strip():
        raise typer.BadParameter(
            "it is empty; name a training set, as `penstock trainset list` shows it, or leave it out"
        )
    return set_id


Set = Annotated[
    str | None,
    typer.Option("--set", metavar="ID", callback=_named, help="As `trainset list` shows it; the newest without it."),
]


@contextmanager
def opened() -> Iterator[Platform]:
    from penstock.logs import configure
    from penstock.platform import Platform

    configure()
    platform = Platform()
    try:
        yield platform
    finally:
        platform.close()


def emit(value: Any, as_json: bool, draw: Callable[[Any], None]) -> None:
    if as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
    else:
        draw(value)


def who() -> Who:
    from penstock.decisions import from_shell

    return from_shell()


@contextmanager
def progress_shown(as_json: bool) -> Iterator[Progress]:
    from penstock.progress import Progress

    if as_json or not sys.stderr.isatty():
        yield Progress()
        return
    from penstock.display import Bars

    with Bars() as bars:
        yield bars


def ended(report: RunReport, as_json: bool) -> None:
    from penstock import display

    emit(report.to_dict(), as_json, lambda _: display.run(report))
    raise typer.Exit(report.exit_code)


def require_place(out: Path | None) -> None:
    """Find out before the work, which may take minutes and a model's tokens, whether its page can be written.

    Raises ``UsageError``.
    """
    if out is None:
        return
    with _said_of(out):
        there = out.exists()
        out.open("ab").close()
        if not there:
            out.unlink()


def write_page(out: Path, page: str) -> None:
    with _said_of(out):
        out.write_text(page, encoding="utf-8")


@contextmanager
def _said_of(out: Path) -> Iterator[None]:
    from penstock.errors import UsageError

    try:
        yield
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name a file in a folder that can be written") from None
