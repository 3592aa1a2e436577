"""Every step without Airflow. Exit 0 done, 1 refused by a gate or a decision, 2 wrong use, 3 failed.

``--json`` on any command prints one JSON document on stdout and nothing else there; logs and progress go to stderr.
What a command does is imported when it runs, so that ``penstock --help`` answers at once.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from typing import NoReturn

import typer

app = typer.Typer(
    name="penstock",
    help="Numbered, gated, reversible releases of a search index.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich would take longer to import than everything else here
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine = typer.Typer(help="Documents that wait, and why.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(quarantine, name="quarantine")
interactions = typer.Typer(help="What was asked and shown.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(interactions, name="interactions")
feedback = typer.Typer(help="What people said of it.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(feedback, name="feedback")
keys = typer.Typer(help="Who may ask the service, and as whom.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")
trainset = typer.Typer(help="What models are tuned on.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(trainset, name="trainset")


def main() -> None:
    """Entry point: whatever goes wrong ends in a message and an exit code, and with ``--json`` in a document."""
    from penstock.errors import PenstockError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a key that is no Unicode: in JSON this is its escape
    try:
        code = app(standalone_mode=False)
    except PenstockError as error:
        typer.secho(f"penstock: {error}", err=True, fg="red")
        _fail(error, str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 would say that a gate refused
        wrong_use = getattr(error, "format_message", None)
        if wrong_use is None:
            traceback.print_exc()
            _fail(error, f"{type(error).__name__}: {error}", 3)
        error.show()  # type: ignore[attr-defined]
        _fail(error, wrong_use(), 2)
    sys.exit(code or 0)


def _fail(error: Exception, message: str, code: int) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"error": message, "kind": type(error).__name__, "exit_code": code}, ensure_ascii=False))
    sys.exit(code)
